"use strict";
// A network of residual or plain units, for inference. A map is {side, channels, values}, where
// values are in the order row, column, channel.

class Network {
  constructor(description) {
    Object.assign(this, description);
    const bytes = Uint8Array.from(atob(description.weights), (c) => c.charCodeAt(0));
    this.weights = new Float32Array(bytes.buffer);
  }

  // pixels: side x side x 3, from 0 to 255. branchesOff, shortcutsOff: sets of names of units.
  // A unit whose branch is off passes its input on (a plain one too, in the shape it needs).
  run(pixels, side, branchesOff = new Set(), shortcutsOff = new Set()) {
    const values = Float32Array.from(pixels, (p, i) => (p / 255 - this.mean[i % 3]) / this.std[i % 3]);
    let map = relu(this.convolve({ side, channels: 3, values }, this.stem));
    const maps = [];
    for (const unit of this.units) {
      map = this.unit(map, unit, branchesOff.has(unit.name), shortcutsOff.has(unit.name));
      maps.push(map);
    }
    const logits = this.classify(map);
    return { maps, probabilities: softmax(logits) };
  }

  unit(map, unit, branchOff, shortcutOff) {
    const skips = !shortcutOff && unit.shortcut;
    const projects = typeof unit.shortcut === "object" && unit.shortcut !== null;
    if (branchOff) {
      return projects && skips ? relu(this.convolve(map, unit.shortcut)) : subsample(map, unit);
    }
    let branch = map;
    unit.branch.forEach((conv, i) => {
      branch = this.convolve(i ? relu(branch) : branch, conv);
    });
    if (skips) {
      const added = projects ? this.convolve(map, unit.shortcut) : subsample(map, unit);
      for (let i = 0; i < branch.values.length; i++) branch.values[i] += added.values[i];
    }
    return relu(branch);
  }

  convolve({ side, channels, values }, { shape, stride, kernel, bias }) {
    const [height, width, , filters] = shape;
    const weights = this.weights;
    const out = Math.ceil(side / stride);
    const [top, left] = [(height - 1) >> 1, (width - 1) >> 1];
    const result = new Float32Array(out * out * filters);
    for (let row = 0; row < out; row++) {
      for (let column = 0; column < out; column++) {
        const to = (row * out + column) * filters;
        for (let f = 0; f < filters; f++) result[to + f] = weights[bias + f];
        for (let i = 0; i < height; i++) {
          const y = row * stride + i - top;
          if (y < 0 || y >= side) continue;
          for (let j = 0; j < width; j++) {
            const x = column * stride + j - left;
            if (x < 0 || x >= side) continue;
            const from = (y * side + x) * channels;
            for (let k = 0; k < channels; k++) {
              const value = values[from + k];
              if (value === 0) continue; // behind a ReLU, about half
              const w = kernel + ((i * width + j) * channels + k) * filters;
              for (let f = 0; f < filters; f++) result[to + f] += value * weights[w + f];
            }
          }
        }
      }
    }
    return { side: out, channels: filters, values: result };
  }

  classify({ side, channels, values }) {
    const classes = (this.weights.length - this.dense.bias);
    const logits = Array.from(this.weights.subarray(this.dense.bias, this.dense.bias + classes));
    for (let k = 0; k < channels; k++) {
      let mean = 0;
      for (let p = 0; p < side * side; p++) mean += values[p * channels + k];
      mean /= side * side;
      for (let c = 0; c < classes; c++) logits[c] += mean * this.weights[this.dense.kernel + k * classes + c];
    }
    return logits;
  }

  // The evidence for a class at each place of the last map, from 0 to 1 (Zhou et al., 2016).
  evidence({ side, channels, values }, number, classes) {
    const heat = new Float32Array(side * side);
    for (let p = 0; p < heat.length; p++) {
      for (let k = 0; k < channels; k++) {
        heat[p] += values[p * channels + k] * this.weights[this.dense.kernel + k * classes + number];
      }
    }
    const largest = Math.max(...heat);
    return heat.map((value) => (largest > 0 ? Math.max(0, value) / largest : 0));
  }
}

function relu(map) {
  const { values } = map;
  for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
  return map;
}

// Every stride-th pixel, and channels of zeros up to those of the unit: the paper's option A.
function subsample({ side, channels, values }, unit) {
  const out = Math.ceil(side / unit.stride);
  const result = new Float32Array(out * out * unit.channels);
  for (let y = 0; y < out; y++) {
    for (let x = 0; x < out; x++) {
      const from = (y * unit.stride * side + x * unit.stride) * channels;
      result.set(values.subarray(from, from + channels), (y * out + x) * unit.channels);
    }
  }
  return { side: out, channels: unit.channels, values: result };
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
