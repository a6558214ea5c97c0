"use strict";
const TEXTS = {
  en: {
    title: "Touch a residual network",
    about: "The networks below run in this page. Choose a picture, or draw on it. Then switch the branch F(x) of a unit or its shortcut off, and watch the classes.",
    file: "Your own picture (or drop it here):",
    draw: "Draw with:",
    clear: "clear",
    parameters: "parameters",
    unit: "F(x)",
    shortcut: "shortcut",
    all: "all on",
    evidence: "where the evidence for the first class is",
    whole: "Grey marks: the whole network.",
    ms: "ms",
  },
  zh: {
    title: "动手玩残差网络",
    about: "下面的网络就在本页中运行。选择或绘制一张图片，再关闭某个单元的残差分支 F(x) 或捷径，观察各类别的概率如何变化。",
    file: "自己的图片（也可拖放到此页）：",
    draw: "画笔：",
    clear: "清空",
    parameters: "个参数",
    unit: "F(x)",
    shortcut: "捷径",
    all: "全部打开",
    evidence: "第一类别的依据所在",
    whole: "灰色标记：完整的网络。",
    ms: "毫秒",
  },
};

const content = JSON.parse(document.getElementById("content").textContent);
const { side, classes } = content;
const picture = document.getElementById("picture");
const pen = picture.getContext("2d", { willReadFrequently: true });
picture.width = picture.height = side;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function said(tag, key) {
  const made = element(tag);
  made.dataset.text = key;
  return made;
}

function pixels() {
  const { data } = pen.getImageData(0, 0, side, side);
  return data.filter((_, i) => i % 4 < 3);
}

// One network: its switches, its feature maps and its answer.
class View {
  constructor(description) {
    this.network = new Network(description);
    this.branchesOff = new Set();
    this.shortcutsOff = new Set();
    this.bars = classes.map((name) => {
      const [now, whole] = [element("i"), element("b")];
      const value = element("output");
      return { now, whole, value, row: element("li", {}, element("span", { textContent: name }), element("div", {}, now, whole), value) };
    });
    this.time = element("span");
    this.heat = element("canvas", { width: side, height: side });
    this.units = this.network.units.map((unit) => this.unit(unit));
    const all = element("button", { onclick: () => this.reset() });
    all.dataset.text = "all";
    const { name, parameters } = description;
    this.root = element(
      "section", {},
      element("h2", { textContent: name }),
      element("p", {}, element("span", { textContent: parameters.toLocaleString("en") + " " }), said("span", "parameters"), ", ", this.time),
      element("div", { className: "answer" },
        element("ol", {}, ...this.bars.map((bar) => bar.row)),
        element("figure", {}, this.heat, said("figcaption", "evidence"))),
      element("p", {}, said("span", "whole"), " ", all),
      ...this.units.map((unit) => unit.row),
    );
  }

  unit(unit) {
    const canvas = element("canvas");
    const boxes = [this.box("unit", this.branchesOff, unit.name)];
    if (unit.shortcut) boxes.push(this.box("shortcut", this.shortcutsOff, unit.name));
    const row = element("div", { className: "unit" }, element("code", { textContent: unit.name }), ...boxes, canvas);
    return { row, canvas, boxes };
  }

  box(kind, off, name) {
    const input = element("input", { type: "checkbox", checked: true });
    input.dataset.unit = name;
    input.dataset.kind = kind;
    input.onchange = () => {
      if (input.checked) off.delete(name);
      else off.add(name);
      this.update();
    };
    return element("label", {}, input, said("span", kind));
  }

  reset() {
    this.branchesOff.clear();
    this.shortcutsOff.clear();
    for (const input of this.root.querySelectorAll("input")) input.checked = true;
    this.update();
  }

  update() {
    const seen = pixels();
    const began = performance.now();
    const now = this.network.run(seen, side, this.branchesOff, this.shortcutsOff);
    this.milliseconds = Math.round(performance.now() - began);
    const isWhole = !this.branchesOff.size && !this.shortcutsOff.size;
    const whole = isWhole ? now : this.network.run(seen, side);
    this.probabilities = now.probabilities;
    this.bars.forEach(({ now: bar, whole: mark, value, row }, i) => {
      bar.style.width = `${100 * now.probabilities[i]}%`;
      mark.style.left = `${100 * whole.probabilities[i]}%`;
      value.textContent = `${(100 * now.probabilities[i]).toFixed(1)}%`;
      row.className = now.probabilities[i] === Math.max(...now.probabilities) ? "first" : "";
    });
    this.units.forEach(({ canvas }, i) => drawMaps(canvas, now.maps[i]));
    this.drawEvidence(now);
    this.time.textContent = `${this.milliseconds} ${TEXTS[document.documentElement.lang].ms}`;
  }

  drawEvidence({ maps, probabilities }) {
    const last = maps[maps.length - 1];
    const first = probabilities.indexOf(Math.max(...probabilities));
    const heat = this.network.evidence(last, first, classes.length);
    const small = element("canvas", { width: last.side, height: last.side });
    const image = new ImageData(last.side, last.side);
    heat.forEach((value, p) => image.data.set([255 * value, 255 * (1 - Math.abs(2 * value - 1)), 255 * (1 - value), 130], 4 * p));
    small.getContext("2d").putImageData(image, 0, 0);
    const brush = this.heat.getContext("2d");
    brush.drawImage(picture, 0, 0);
    brush.drawImage(small, 0, 0, side, side);
  }
}

// All channels of a map, 16 in a row, each as bright as its largest value allows.
function drawMaps(canvas, { side: n, channels, values }) {
  const columns = Math.min(16, channels);
  canvas.width = columns * (n + 1);
  canvas.height = Math.ceil(channels / columns) * (n + 1);
  const image = new ImageData(canvas.width, canvas.height);
  for (let k = 0; k < channels; k++) {
    let largest = 0;
    for (let p = 0; p < n * n; p++) largest = Math.max(largest, values[p * channels + k]);
    for (let p = 0; p < n * n; p++) {
      const grey = largest ? (255 * values[p * channels + k]) / largest : 0;
      const row = Math.floor(k / columns) * (n + 1) + Math.floor(p / n);
      const at = 4 * (row * canvas.width + (k % columns) * (n + 1) + (p % n));
      image.data.set([grey, grey, grey, 255], at);
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const views = content.networks.map((description) => new View(description));

function update() {
  for (const view of views) view.update();
}

async function show(source) {
  const bitmap = await createImageBitmap(source);
  const length = Math.min(bitmap.width, bitmap.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, (bitmap.width - length) / 2, (bitmap.height - length) / 2, length, length, 0, 0, side, side);
  update();
}

function clear() {
  pen.fillStyle = "black";
  pen.fillRect(0, 0, side, side);
  update();
}

function speak(language) {
  document.documentElement.lang = language;
  for (const place of document.querySelectorAll("[data-text]")) place.textContent = TEXTS[language][place.dataset.text];
  for (const button of document.querySelectorAll("[data-language]")) button.disabled = button.dataset.language === language;
  document.title = TEXTS[language].title;
}

for (const source of content.pictures) {
  const image = element("img", { src: source, alt: "" });
  document.getElementById("samples").append(element("button", { onclick: () => show(image) }, image));
}
document.getElementById("networks").append(...views.map((view) => view.root));
for (const button of document.querySelectorAll("[data-language]")) button.onclick = () => { speak(button.dataset.language); update(); };
document.getElementById("file").onchange = (event) => event.target.files.length && show(event.target.files[0]);
document.getElementById("clear").onclick = clear;
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
};

let drawing = false;
function paint(event) {
  if (!drawing) return;
  const box = picture.getBoundingClientRect();
  const size = Number(document.getElementById("brush").value);
  pen.fillStyle = document.getElementById("colour").value;
  pen.beginPath();
  pen.arc(((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side, size, 0, 7);
  pen.fill();
}
picture.onpointerdown = (event) => {
  drawing = true;
  picture.setPointerCapture(event.pointerId);
  paint(event);
};
picture.onpointermove = paint;
picture.onpointerup = () => {
  drawing = false;
  update();
};

speak(navigator.language.startsWith("zh") ? "zh" : "en");
const first = document.querySelector("#samples img");
if (first) first.decode().then(() => show(first));
else clear();
