const stream = new EventSource("stream");
const page = /** @type {HTMLElement} */ (document.getElementById("page"));
stream.addEventListener("state", (event) => { page.textContent = event.data; });
