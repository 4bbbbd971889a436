// What makes the pages quicker for hands on a keyboard. Everything works without this file.
(function () {
  "use strict";

  var dirty = new Set();

  function alertLine(text) {
    var box = document.getElementById("alerts");
    if (!box) return;
    var line = document.createElement("p");
    line.className = "note note-danger";
    line.setAttribute("role", "alert");
    line.textContent = text;
    box.replaceChildren(line);
    box.scrollIntoView({ block: "nearest" });
  }

  function viaHtmx(form) {
    return form.hasAttribute("hx-post") || form.hasAttribute("hx-get");
  }

  function release(form) {
    if (!form) return;
    form.removeAttribute("data-busy");
    form.querySelectorAll("[data-held]").forEach(function (button) {
      button.disabled = false;
      button.removeAttribute("data-held");
    });
  }

  // Ask first, then let one submit through: a double click must not register a matter twice.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    var asked = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
    function stop() {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    if (form.hasAttribute("data-busy")) return stop();
    if (asked && !window.confirm(asked)) return stop();
    dirty.delete(form);
    if ((form.getAttribute("method") || "get").toLowerCase() !== "post") return;
    form.setAttribute("data-busy", "");
    if (viaHtmx(form)) return;
    // The browser has read the pressed button's value by then.
    setTimeout(function () {
      form.querySelectorAll("button:not([type=button]):not(:disabled)").forEach(function (button) {
        button.disabled = true;
        button.setAttribute("data-held", "");
      });
    }, 0);
    // A form that answers with a file leaves its page standing.
    setTimeout(function () { release(form); }, 15000);
  }, true);

  document.addEventListener("click", function (event) {
    var link = event.target.closest("a[data-confirm]");
    if (link && !window.confirm(link.dataset.confirm)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);

  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-busy]").forEach(release);
  });

  // What was typed is not lost by a slip: forms marked data-unsaved ask before the page goes.
  document.addEventListener("input", function (event) {
    var form = event.target.form;
    if (form && form.hasAttribute("data-unsaved")) dirty.add(form);
  });
  window.addEventListener("beforeunload", function (event) {
    var open = false;
    dirty.forEach(function (form) { open = open || form.isConnected; });
    if (open) {
      event.preventDefault();
      event.returnValue = "";
    }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    var box = document.querySelector("[data-search]");
    if (!box) return;
    event.preventDefault();
    box.focus();
    if (box.select) box.select();
  });

  document.addEventListener("click", function (event) {
    var add = event.target.closest("[data-add-row]");
    if (add) {
      var rows = add.parentNode.querySelectorAll("[data-row]");
      var last = rows[rows.length - 1];
      if (rows.length >= 12) return;
      var fresh = last.cloneNode(true);
      fresh.querySelectorAll("input").forEach(function (input) {
        input.value = "";
        input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+/, rows.length + 1));
      });
      last.after(fresh);
      fresh.querySelector("input").focus();
      return;
    }
    if (event.target.closest("[data-print]")) window.print();
  });

  // How much room a long text has left, told only when it becomes scarce.
  document.addEventListener("input", function (event) {
    var max = Number(event.target.dataset && event.target.dataset.max);
    if (!max) return;
    var used = Array.from(event.target.value.trim()).length;
    var line = event.target.parentNode.querySelector("[data-left]");
    if (used < max * 0.9) {
      if (line) line.remove();
      return;
    }
    if (!line) {
      line = document.createElement("p");
      line.className = "help";
      line.setAttribute("data-left", "");
      line.setAttribute("aria-live", "polite");
      event.target.after(line);
    }
    line.textContent = used > max ? "已超出 " + (used - max) + " 字（最多 " + max + " 字）" : "还可填写 " + (max - used) + " 字";
    line.classList.toggle("wrong", used > max);
  });

  // A long list of boxes: narrowed by what is typed, summed up by what is ticked.
  document.addEventListener("input", function (event) {
    var box = event.target;
    if (!box.matches("[data-narrow]")) return;
    var wanted = box.value.trim();
    box.closest("[data-several]").querySelectorAll("label").forEach(function (label) {
      label.hidden = wanted !== "" && !label.textContent.includes(wanted);
    });
  });
  document.addEventListener("change", function (event) {
    var several = event.target.closest("[data-several]");
    if (!several) return;
    var ticked = Array.from(several.querySelectorAll("input:checked"), function (input) {
      return input.parentNode.textContent.trim();
    });
    several.querySelector("summary").textContent = ticked.join("、") || "未选择";
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.matches("[data-narrow]")) event.preventDefault();
  });
  document.addEventListener("toggle", function (event) {
    var box = event.target.matches("[data-several][open]") && event.target.querySelector("[data-narrow]");
    if (box) box.hidden = false;
  }, true);

  function prepare(root) {
    root.querySelectorAll("[data-add-row][hidden]").forEach(function (button) { button.hidden = false; });
    var first = root.querySelector("[data-focus]");
    if (first) first.focus();
  }

  // The fresh token that came with a refusal goes into every form still on the page.
  function renewToken() {
    var note = document.querySelector("[data-fresh-token]");
    if (!note) return;
    var token = note.dataset.freshToken;
    note.removeAttribute("data-fresh-token");
    document.querySelectorAll("input[name=csrf_token]").forEach(function (input) { input.value = token; });
    document.body.setAttribute("hx-headers:inherited", JSON.stringify({ "X-CSRFToken": token }));
  }

  document.addEventListener("htmx:after:swap", function (event) {
    var ctx = event.detail.ctx;
    renewToken();
    var kind = ctx.sourceEvent && ctx.sourceEvent.type;
    var target = typeof ctx.target === "string" ? document.querySelector(ctx.target) : ctx.target;
    if (target && !target.isConnected) target = target.id ? document.getElementById(target.id) : null;
    // Looking up while typing, loading and polling must not take the cursor away.
    if (kind !== "submit" && kind !== "click") {
      document.querySelectorAll("[data-add-row][hidden]").forEach(function (button) { button.hidden = false; });
      return;
    }
    if (!target) return;
    prepare(target);
    if (document.activeElement === document.body) {
      if (!target.hasAttribute("tabindex")) target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: true });
    }
  });

  document.addEventListener("htmx:after:request", function (event) {
    var ctx = event.detail.ctx;
    var form = ctx.request.form;
    if (!form) return;
    // A refused form is as unsaved as before; an accepted one is not.
    if (ctx.response.status >= 400 && form.hasAttribute("data-unsaved")) dirty.add(form);
  });
  document.addEventListener("htmx:finally:request", function (event) {
    var form = event.detail.ctx.request.form;
    // A draft that is kept on the side says nothing of the form's own sending.
    if (event.detail.ctx.sourceElement.hasAttribute("data-draft")) return;
    release(form || (event.target.closest && event.target.closest("form")));
  });
  document.addEventListener("htmx:error", function (event) {
    var error = event.detail.error;
    var ctx = event.detail.ctx;
    if (ctx && ctx.request && ctx.request.form && ctx.request.form.hasAttribute("data-unsaved")) dirty.add(ctx.request.form);
    if (error && (error === "timeout" || error.name === "TypeError" || error.name === "AbortError")) {
      alertLine("网络连接失败，操作没有完成。填写的内容仍在本页，请检查网络后重试。");
    }
  });

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", function () { prepare(document); });
  } else {
    prepare(document);
  }
})();
