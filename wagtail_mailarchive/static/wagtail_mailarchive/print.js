// "Print now": shown only where there is script; without it, the browser's own menu does the same.
(function () {
    "use strict";

    document.querySelectorAll("[data-mailarchive-print]").forEach(function (button) {
        button.closest("[hidden]").hidden = false;
        button.addEventListener("click", function () {
            window.print();
        });
    });
})();
