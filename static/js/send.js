// Uploads that say how far they are, which fetch cannot.

/**
 * POST a body; gives the answer's JSON.
 * @param {string} url
 * @param {Blob} body
 * @param {{signal: AbortSignal, sent: (done: number, all: number) => void}} how
 * @returns {Promise<object>} rejects with a sentence for the user, `fields` of a 422 with it; or with an AbortError
 */
export function send(url, body, { signal, sent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", ({ loaded, total }) => sent(loaded, total));
    request.upload.addEventListener("load", () => sent(body.size, body.size));
    request.addEventListener("error", () => reject(new Error("The upload broke off: the server does not answer. The same again adds nothing twice.")));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("load", () => {
      const answer = request.response ?? {};
      if (request.status < 300) resolve(answer);
      else reject(Object.assign(new Error(answer.detail ?? `The server answered ${request.status}.`), { fields: answer.fields }));
    });
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
