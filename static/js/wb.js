// The script of the workbench's pages. In this order: what stands inside of a workbench finds its state when it is made.
import "./wb_host.js";
import "./wb_table.js";
