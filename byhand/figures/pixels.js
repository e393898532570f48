/* Pictures made of pixels, and networks whose weights have 8 bits, in the state. */
import { clamp, make } from "./kit.js";

/* Bytes of a trait that holds them as text (base64), and back. */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}
export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/* Layers of a network whose weights have 8 bits, as figure.py's pack() made them: each
   {rows, columns, weight, scale, bias}; a weight counts times the scale of its row. */
export function unpackLayers(weights, numbers, sizes) {
  const [all, floats] = [new Int8Array(fromBase64(weights).buffer), new Float32Array(fromBase64(numbers).buffer)];
  let [at, next] = [0, 0];
  return sizes.map(([rows, columns]) => ({
    rows, columns,
    weight: all.subarray(at, (at += rows * columns)),
    scale: floats.subarray(next, (next += rows)),
    bias: floats.subarray(next, (next += rows)),
  }));
}

/* Values, so many to a row, as pixels in a box [x, y, width, height] of a canvas;
   colour gives red, green and blue, 0 to 255, of a value. */
const spare = new Map();
export function paintPixels(context, values, wide, box, colour = (value) => [255 * value, 255 * value, 255 * value]) {
  const tall = values.length / wide;
  const key = `${wide} ${tall}`;
  if (!spare.has(key)) spare.set(key, make("canvas", { width: wide, height: tall }).getContext("2d"));
  const small = spare.get(key);
  const { data } = small.image ??= small.createImageData(wide, tall);
  for (let i = 0; i < values.length; i++) {
    [data[4 * i], data[4 * i + 1], data[4 * i + 2]] = colour(values[i]);
    data[4 * i + 3] = 255;
  }
  small.putImageData(small.image, 0, 0);
  context.imageSmoothingEnabled = box[2] < wide; // made smaller, not made larger
  context.drawImage(small.canvas, ...box);
}

/* Ink along a line, in a picture of 28×28 bytes; places in its pixels. */
export function inkStroke(pixels, from, to) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  for (let i = 0; i < 784; i++) {
    const [x, y] = [(i % 28) + 0.5 - from[0], Math.floor(i / 28) + 0.5 - from[1]];
    const along = clamp((x * dx + y * dy) / (dx * dx + dy * dy || 1), 0, 1);
    const away = Math.hypot(x - along * dx, y - along * dy);
    pixels[i] = Math.max(pixels[i], 255 * clamp(1.9 - away, 0, 1));
  }
}
