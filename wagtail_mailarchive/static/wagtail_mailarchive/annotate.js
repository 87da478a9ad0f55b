// "Write a note about the selected words": the link goes to the same form as a chosen paragraph.
// Without this script, paragraphs can be chosen.
(function () {
    "use strict";

    const text = document.querySelector("[data-mailarchive-annotate]");
    const link = document.querySelector("[data-mailarchive-selection]");
    // What the page has put into the sender's text.
    const OURS = "summary, .mailarchive-place, .mailarchive-ref";
    let waiting = 0;

    if (!text || !link) {
        return;
    }

    // The server counts characters, JavaScript their halves where they lie outside of 16 bits.
    function characters(string) {
        return Array.from(string).length;
    }

    // Where the range begins and ends in the sender's text; null if it holds none of it.
    function place(range) {
        const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
        let before = 0;
        let start = null;
        let end = 0;
        while (walker.nextNode()) {
            const node = walker.currentNode;
            if (node.parentElement.closest(OURS)) {
                continue;
            }
            if (range.intersectsNode(node)) {
                const from = node === range.startContainer ? range.startOffset : 0;
                const to = node === range.endContainer ? range.endOffset : node.data.length;
                if (start === null) {
                    start = before + characters(node.data.slice(0, from));
                }
                end = before + characters(node.data.slice(0, to));
            } else if (start !== null) {
                break;
            }
            before += characters(node.data);
        }
        return start !== null && end > start ? {start: start, end: end} : null;
    }

    function follow() {
        const selection = document.getSelection();
        let found = null;
        if (selection.rangeCount && !selection.isCollapsed) {
            const range = selection.getRangeAt(0);
            if (text.contains(range.commonAncestorContainer) && range.toString().trim()) {
                found = place(range);
            }
        }
        if (found) {
            link.href = text.dataset.mailarchiveAnnotate +
                "?start=" + found.start + "&end=" + found.end;
        }
        link.hidden = !found;
    }

    document.addEventListener("selectionchange", function () {
        window.clearTimeout(waiting);
        waiting = window.setTimeout(follow, 150);
    });
})();
