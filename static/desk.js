// The operator's desk under one hand: keys that lead to fields, digits that choose, Enter that
// goes on to the next field. Without this file Tab and the buttons do the same.
(function () {
  "use strict";

  var form = document.getElementById("desk");
  if (!form) return;

  function all(selector, root) {
    return Array.from((root || form).querySelectorAll(selector));
  }
  function seen(element) {
    return element.offsetParent !== null && !element.disabled;
  }

  // What only matters for one outcome is shown for that one.
  function fit() {
    var chosen = form.querySelector("[name=become]:checked");
    all("[data-for]").forEach(function (part) {
      part.hidden = !(chosen && part.dataset.for.split(" ").includes(chosen.value));
    });
  }

  function choose(name, value) {
    var field = form.elements[name];
    if (!field) return;
    field.value = value;
    var one = form.querySelector("[name=" + name + "]");
    if (one) one.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function go(element) {
    if (element.tagName === "FIELDSET") {
      var radio = element.querySelector("input:checked") || element.querySelector("input");
      if (radio) radio.focus();
      return;
    }
    if (element.tagName === "SECTION") {
      var first = element.querySelector("button");
      if (first) first.focus();
      return;
    }
    if (element.tagName === "BUTTON") return element.click();
    element.focus();
    if (element.select) element.select();
  }

  function next(from) {
    var fields = all("input:not([type=hidden]):not([type=radio]), select, textarea, input[type=radio]:checked").filter(seen);
    var at = fields.indexOf(from);
    if (at < 0 && from.type === "radio") at = fields.indexOf(form.querySelector("[name=" + from.name + "]:checked"));
    for (var i = at + 1; i < fields.length; i++) {
      if (fields[i].tabIndex >= 0) {
        fields[i].focus();
        if (fields[i].select) fields[i].select();
        return;
      }
    }
    form.querySelector("[data-key=F9]").focus();
  }

  document.addEventListener("keydown", function (event) {
    if (event.isComposing || event.keyCode === 229) return;
    var plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (plain && /^F\d+$/.test(event.key)) {
      var target = form.querySelector('[data-key="' + event.key + '"]');
      if (!target) return;
      event.preventDefault();
      if (!event.repeat) go(target);
      return;
    }
    if (event.key === "Enter" && event.ctrlKey) {
      event.preventDefault();
      if (!event.repeat) form.querySelector("[data-key=F9]").click();
      return;
    }
    if (!form.contains(event.target)) return;
    if (plain && event.key === "Enter" && event.target.matches("input:not([type=file]), select")) {
      event.preventDefault();
      next(event.target);
      return;
    }
    var group = event.target.closest("[data-digits]");
    if (plain && group && /^[1-9]$/.test(event.key)) {
      var radio = group.querySelectorAll("input[type=radio]")[Number(event.key) - 1];
      if (!radio) return;
      event.preventDefault();
      radio.checked = true;
      radio.focus();
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });

  // What is done with an appeal beside the form is chosen in the form, and nothing leaves the page.
  document.addEventListener("click", function (event) {
    var to = event.target.closest("[data-to]");
    if (to) {
      event.preventDefault();
      choose("become", to.dataset.to);
      choose("appeal", to.dataset.appeal);
      fit();
      var content = form.elements.content;
      (content.value ? form.querySelector("[data-key=F9]") : content).focus();
      return;
    }
    if (event.target.closest("[data-driver]")) {
      choose("appellant_type", "driver");
      form.elements.appellant_name.focus();
    }
  });

  // Whoever is known by his number is written where nothing was typed, and gives way to another.
  function fill(name, value) {
    var field = form.elements[name];
    if (!field || (field.value && field.value !== field.dataset.filled)) return;
    field.value = value;
    field.dataset.filled = value;
  }
  function fromCaller() {
    var caller = document.getElementById("caller");
    if (!caller) return;
    fill("contact_name", caller.dataset.contact || "");
    fill("appellant_name", caller.dataset.name || "");
    if (caller.dataset.name && caller.dataset.type) form.elements.appellant_type.value = caller.dataset.type;
  }

  form.addEventListener("change", function (event) {
    if (event.target.name === "become") fit();
  });
  document.addEventListener("htmx:after:swap", fromCaller);
  all("[data-driver]").forEach(function (button) { button.hidden = false; });
  document.querySelectorAll("[data-keys]").forEach(function (line) { line.hidden = false; });
  fit();
  fromCaller();
})();
