import type { SKRSContext2D } from '@napi-rs/canvas';
import type { Draw } from './draw.ts';

export type Motif =
  | 'orbs'
  | 'figure'
  | 'hills'
  | 'lines'
  | 'tiles'
  | 'rings'
  | 'waves'
  | 'black'
  | 'circle'
  | 'square';

/** Colors that go together: a base hue, one near it and one across from it. */
interface Palette {
  base: number;
  near: number;
  across: number;
}

type Painter = (context: SKRSContext2D, width: number, height: number, palette: Palette, draw: Draw) => void;

const color = (hue: number, saturation: number, lightness: number, alpha = 1): string =>
  `hsla(${(Math.round(hue) + 360) % 360}, ${Math.round(saturation)}%, ${Math.round(lightness)}%, ${alpha.toFixed(2)})`;

const wash = (
  context: SKRSContext2D,
  width: number,
  height: number,
  from: string,
  to: string,
  slope: number,
): void => {
  const gradient = context.createLinearGradient(0, 0, width * slope, height);
  gradient.addColorStop(0, from);
  gradient.addColorStop(1, to);
  context.fillStyle = gradient;
  context.fillRect(0, 0, width, height);
};

const disc = (context: SKRSContext2D, x: number, y: number, radius: number): void => {
  context.beginPath();
  context.arc(x, y, radius, 0, Math.PI * 2);
  context.fill();
};

const orbs: Painter = (context, width, height, { base, near, across }, draw) => {
  wash(context, width, height, color(base, 55, 86), color(near, 60, 62), draw.unit());
  for (let i = 0; i < 7; i += 1) {
    const radius = draw.between(0.08, 0.32) * Math.min(width, height);
    context.fillStyle = color(
      draw.pick([base, near, across]),
      65,
      draw.between(45, 78),
      draw.between(0.3, 0.65),
    );
    disc(context, draw.unit() * width, draw.between(0, 0.8) * height, radius);
  }
};

/**
 * A head and shoulders in colors that no skin, hair or dress has: a made-up picture must not look like evidence of
 * how a model shows people.
 */
const figure: Painter = (context, width, height, { base, near }, draw) => {
  wash(context, width, height, color(base, 40, 88), color(base, 45, 66), draw.between(0.2, 1));
  context.fillStyle = color(near, 50, 74, 0.7);
  disc(
    context,
    width * draw.between(0.3, 0.7),
    height * draw.between(0.25, 0.4),
    width * draw.between(0.3, 0.42),
  );
  const center = width * draw.between(0.4, 0.6);
  const head = height * draw.between(0.31, 0.37);
  const radius = width * draw.between(0.14, 0.19);
  const shade = draw.between(30, 48);
  // Green by way of blue to violet.
  const hue = draw.between(100, 270);
  context.fillStyle = color(hue, 42, shade);
  context.beginPath();
  context.ellipse(
    center,
    height * 0.9,
    width * draw.between(0.32, 0.44),
    height * draw.between(0.3, 0.38),
    0,
    0,
    7,
  );
  context.fill();
  context.fillStyle = color(hue + draw.between(-20, 20), 45, shade + 24);
  context.beginPath();
  context.ellipse(center, head, radius, radius * draw.between(1.1, 1.35), 0, 0, Math.PI * 2);
  context.fill();
  context.fillStyle = color(near, 60, 88, 0.35);
  disc(context, center - radius * 0.35, head - radius * 0.4, radius * 0.5);
};

const hills: Painter = (context, width, height, { base, near, across }, draw) => {
  wash(context, width, height, color(near, 60, 84), color(across, 65, 78), draw.between(0, 0.4));
  context.fillStyle = color(across, 85, 88);
  disc(
    context,
    width * draw.between(0.2, 0.8),
    height * draw.between(0.18, 0.35),
    width * draw.between(0.06, 0.12),
  );
  for (let layer = 0; layer < 5; layer += 1) {
    const foot = height * (0.38 + layer * 0.1);
    const [one, two] = [draw.between(0, 7), draw.between(0, 7)];
    const swell = height * draw.between(0.03, 0.08);
    const length = draw.between(1.2, 2.6);
    context.fillStyle = color(base + layer * 6, 34 + layer * 3, 70 - layer * 11);
    context.beginPath();
    context.moveTo(0, height);
    for (let step = 0; step <= 32; step += 1) {
      const x = step / 32;
      const y = Math.sin(x * length * 4 + one) * swell + Math.sin(x * length * 9 + two) * swell * 0.4;
      context.lineTo(x * width, foot + y);
    }
    context.lineTo(width, height);
    context.fill();
  }
};

const lines: Painter = (context, width, height, { base, across }, draw) => {
  wash(context, width, height, color(base, 25, 95), color(base, 28, 87), 1);
  const [one, two, tall] = [draw.between(0, 7), draw.between(0, 7), draw.between(0.05, 0.13)];
  const peak = draw.between(0.25, 0.75);
  context.lineWidth = Math.max(1, width / 300);
  for (let row = 0; row < 22; row += 1) {
    context.strokeStyle = color(base + (across - base) * (row / 22), 45, 36);
    context.beginPath();
    for (let step = 0; step <= 40; step += 1) {
      const x = step / 40;
      const rise = Math.exp(-((x - peak) ** 2) * 14) * (1 + Math.sin(x * 17 + row * 0.7 + one) * 0.5);
      const y = 0.12 + row * 0.038 - rise * tall + Math.sin(x * 6 + two) * 0.01;
      if (step === 0) context.moveTo(0, y * height);
      else context.lineTo(x * width, y * height);
    }
    context.stroke();
  }
};

const tiles: Painter = (context, width, height, { base, near, across }, draw) => {
  const side = Math.min(width, height) / draw.pick([4, 5, 6]);
  context.fillStyle = color(base, 30, 92);
  context.fillRect(0, 0, width, height);
  for (let y = 0; y < height; y += side) {
    for (let x = 0; x < width; x += side) {
      const hue = draw.pick([base, base, near, near, across]);
      context.fillStyle = color(hue, 52, draw.between(50, 82));
      context.fillRect(x, y, side + 1, side + 1);
      context.fillStyle = color(draw.pick([base, near, across]), 55, draw.between(40, 76));
      const quarter = Math.floor(draw.unit() * 5);
      if (quarter === 4) {
        disc(context, x + side / 2, y + side / 2, side * 0.32);
        continue;
      }
      const [cornerX, cornerY] = [x + (quarter % 2) * side, y + Math.floor(quarter / 2) * side];
      const from = [0, Math.PI / 2, -Math.PI / 2, Math.PI][quarter] as number;
      context.beginPath();
      context.moveTo(cornerX, cornerY);
      context.arc(cornerX, cornerY, side, from, from + Math.PI / 2);
      context.fill();
    }
  }
};

const rings: Painter = (context, width, height, { base, near, across }, draw) => {
  wash(context, width, height, color(base, 45, 30), color(near, 50, 20), draw.unit());
  const [x, y] = [width * draw.between(0.25, 0.75), height * draw.between(0.2, 0.5)];
  const gap = Math.min(width, height) * draw.between(0.05, 0.08);
  for (let ring = 10; ring > 0; ring -= 1) {
    context.strokeStyle = color(ring % 3 === 0 ? across : near + ring * 5, 60, 78 - ring * 3, 0.9);
    context.lineWidth = gap * draw.between(0.25, 0.7);
    context.beginPath();
    const from = draw.between(0, 6.3);
    context.arc(x, y, ring * gap, from, from + draw.between(3, 6.2));
    context.stroke();
  }
  context.fillStyle = color(across, 80, 78);
  disc(context, x, y, gap * 0.5);
};

const waves: Painter = (context, width, height, { base, near, across }, draw) => {
  wash(context, width, height, color(across, 60, 90), color(base, 50, 76), 0);
  for (let layer = 0; layer < 6; layer += 1) {
    const level = height * (0.18 + layer * 0.12);
    const swell = height * draw.between(0.02, 0.06);
    const phase = draw.between(0, 7);
    const length = draw.between(5, 10);
    context.fillStyle = color(layer % 2 === 0 ? base : near, 55, 72 - layer * 8, 0.75);
    context.beginPath();
    context.moveTo(0, height);
    for (let step = 0; step <= 32; step += 1)
      context.lineTo((step / 32) * width, level + Math.sin((step / 32) * length + phase) * swell);
    context.lineTo(width, height);
    context.fill();
  }
};

/** What some models return instead of refusing. */
const black: Painter = (context, width, height) => {
  context.fillStyle = '#000000';
  context.fillRect(0, 0, width, height);
};

/** One dark shape on a light ground, above the caption: nobody takes a circle for a square. */
const shape =
  (isCircle: boolean): Painter =>
  (context, width, height, { base, near, across }, draw) => {
    wash(context, width, height, color(base, 45, 94), color(near, 45, 86), draw.unit());
    const side = Math.min(width, height);
    const radius = side * draw.between(0.17, 0.22);
    const [x, y] = [width * draw.between(0.4, 0.6), height * draw.between(0.4, 0.46)];
    context.fillStyle = color(across, 60, draw.between(28, 36));
    if (isCircle) disc(context, x, y, radius);
    else context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  };

const PAINTERS: Record<Motif, Painter> = {
  ...{ orbs, figure, hills, lines, tiles, rings, waves, black },
  ...{ circle: shape(true), square: shape(false) },
};

/** Fills the whole picture: the motif is the model's, colors and places are the draw's. */
export const paintMotif = (
  context: SKRSContext2D,
  { motif, width, height }: { motif: Motif; width: number; height: number },
  draw: Draw,
): void => {
  const base = draw.between(0, 360);
  const palette = { base, near: base + draw.between(25, 50), across: base + draw.between(150, 210) };
  PAINTERS[motif](context, width, height, palette, draw);
};
