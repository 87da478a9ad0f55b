// Completes the operator being typed, wherever it stands; a bare list completes only the first.
(() => {
    const input = document.querySelector("input[list='mailarchive-operators']");
    const options = [...(input?.list?.options ?? [])].map((each) => [each.value, each]);
    input?.addEventListener("input", () => {
        const start = input.value.lastIndexOf(" ") + 1;
        const before = input.value.slice(0, start);
        const minus = input.value[start] === "-" ? "-" : "";
        for (const [operator, option] of options) {
            option.value = before + minus + operator;
        }
    });
})();
