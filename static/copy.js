// Copies a text that stands in a box on the page. Without this file it is selected by hand.
(function () {
  "use strict";

  function show() {
    document.querySelectorAll("[data-copy-from][hidden]").forEach(function (button) { button.hidden = false; });
  }

  function told(button, words) {
    var line = button.parentNode.querySelector("[data-copied]");
    if (line) line.textContent = words;
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy-from]");
    if (!button) return;
    var box = document.getElementById(button.dataset.copyFrom);
    if (!box) return;
    box.focus();
    box.select();
    var done = false;
    // The clipboard of newer browsers needs https, which an office network may not have.
    try { done = document.execCommand("copy"); } catch (error) { done = false; }
    told(button, done ? "已复制" : "请按 Ctrl+C 复制");
  });

  document.addEventListener("htmx:after:swap", show);
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", show);
  } else {
    show();
  }
})();
