// "Copy link": shown only where the browser lets pages write to the clipboard. Without it, the
// address bar does the same.
(function () {
    "use strict";

    if (!navigator.clipboard) {
        return;
    }
    document.querySelectorAll("[data-mailarchive-copy]").forEach(function (button) {
        const place = button.closest("[hidden]");
        const status = button.parentElement.querySelector("[role=status]");
        const address = new URL(button.dataset.mailarchiveCopy, document.baseURI).href;
        if (place) {
            place.hidden = false;
        }
        button.addEventListener("click", function () {
            navigator.clipboard.writeText(address).then(function () {
                status.textContent = button.dataset.mailarchiveCopied;
            }, function () {
                status.textContent = address;
            });
        });
    });
})();
