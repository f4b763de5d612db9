// What the pages need beside the islands: theme, copying, dialogs, forms, toasts. Each module listens on the
// document, so that it also serves what htmx swaps in later.
import { installTheme } from "./theme.js";
import { installCopy } from "./copy.js";
import { installDialogs } from "./dialog.js";
import { installForms } from "./form.js";
import { installToasts } from "./toast.js";
import { installBoards } from "./board.js";
import { installCancel } from "./cancel.js";
import { installFocus } from "./focus.js";

installTheme();
installCopy();
installDialogs();
installForms();
installToasts();
installBoards();
installFocus();
installCancel();
