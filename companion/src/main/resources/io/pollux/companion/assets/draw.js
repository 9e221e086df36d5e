// SPDX-License-Identifier: GPL-2.0-only
// Drawings that the walks and the ring page share: a ring as a row of slots, and tags as squares.
'use strict';

(function () {
  const SVG = 'http://www.w3.org/2000/svg';
  const WIDTH = 344;
  const GAP = 6;
  const CELL_TOP = 44;
  const CELL_HEIGHT = 34;

  /** An element of HTML with classes and text. */
  pollux.element = (name, classes, text) => {
    const made = document.createElement(name);
    if (classes) {
      made.className = classes;
    }
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  };

  const svg = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  };

  const picture = (height, label) =>
    svg('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': label });

  /** The slots from head to tail, as a consumer counts them. Indices outside the ring: none. */
  pollux.filled = (head, tail, size) => {
    const slots = [];
    if (head >= 0 && head < size && tail >= 0 && tail < size) {
      for (let at = head; at !== tail; at = at + 1 === size ? 0 : at + 1) {
        slots.push(at);
      }
    }
    return slots;
  };

  const arrow = (parent, x, fromY, toY, style) => {
    const back = fromY < toY ? -6 : 6;
    parent.append(
      svg('path', { d: `M${x} ${fromY}V${toY}`, class: style }),
      svg('path', { d: `M${x - 3} ${toY + back}L${x} ${toY}L${x + 3} ${toY + back}`, class: style }));
  };

  const anchor = x => (x > WIDTH - 90 ? 'end' : 'start');

  /**
   * Draws a ring.
   *
   * ring: { name, cells, head, tail, headBy, tailBy, more }. A cell is { text, title }; text is
   * short, title the whole contents. more says that the real ring is longer.
   */
  pollux.drawRing = ring => {
    const size = ring.cells.length;
    const slots = size + (ring.more ? 0.5 : 0);
    const width = (WIDTH - GAP * (Math.ceil(slots) - 1)) / slots;
    const middle = index => index * (width + GAP) + width / 2;
    const full = pollux.filled(ring.head, ring.tail, ring.more ? Infinity : size);
    const inside = index => index >= 0 && index < size;
    const said = ring.cells
      .map((cell, i) => (full.includes(i) ? `slot ${i}: ${cell.title || 'never filled'}` : ''))
      .filter(text => text);
    const label =
      `${ring.name}: head ${ring.head}, tail ${ring.tail}, ${size}${ring.more ? ' or more' : ''} slots; `
      + (said.length ? said.join('; ') : 'empty');
    const drawn = picture(118, label);
    ring.cells.forEach((cell, i) => {
      const x = i * (width + GAP);
      const style = full.includes(i) ? 'f' : cell.title ? 'b w' : 'b';
      const box = svg('rect', { x, y: CELL_TOP, width, height: CELL_HEIGHT, rx: 2, class: style });
      const what = `slot ${i}: ${cell.title || 'never filled'}${full.includes(i) ? '' : ' (free)'}`;
      box.append(svg('title', {}, what));
      drawn.append(
        box,
        svg('text', { x: x + 4, y: CELL_TOP + 11, class: 't m i' }, i),
        svg('text', {
          x: middle(i), y: CELL_TOP + 24, 'text-anchor': 'middle', class: full.includes(i) ? 't' : 't m',
        }, cell.text));
    });
    if (ring.more) {
      drawn.append(svg('text', { x: WIDTH - 14, y: CELL_TOP + 22, class: 't m' }, '…'));
    }
    if (inside(ring.tail)) {
      const x = middle(ring.tail);
      arrow(drawn, x, 20, CELL_TOP - 4, 'l ac');
      const side = anchor(x) === 'end' ? -8 : 8;
      drawn.append(svg('text', { x: x + side, y: 30, 'text-anchor': anchor(x), class: 't ac' },
        `tail ${ring.tail}${ring.tailBy ? ': ' + ring.tailBy : ''}`));
    } else {
      drawn.append(svg('text', { x: 0, y: 30, class: 't ac' }, `tail ${ring.tail}: outside the ring`));
    }
    if (inside(ring.head)) {
      const x = middle(ring.head);
      arrow(drawn, x, 102, CELL_TOP + CELL_HEIGHT + 4, 'l');
      const side = anchor(x) === 'end' ? -8 : 8;
      drawn.append(svg('text', { x: x + side, y: 102, 'text-anchor': anchor(x), class: 't' },
        `head ${ring.head}${ring.headBy ? ': ' + ring.headBy : ''}`));
    } else {
      drawn.append(svg('text', { x: 0, y: 102, class: 't' }, `head ${ring.head}: outside the ring`));
    }
    return drawn;
  };

  /** Draws the tags of the hardware queues: a row for each, a square for each tag. */
  pollux.drawTags = queues => {
    const label = queues
      .map(queue => `${queue.polled ? 'polled' : 'interrupt-driven'} queue: `
        + (queue.busy.length ? 'tag ' + queue.busy.join(', ') + ' in use' : 'no tag in use'))
      .join('; ');
    const drawn = picture(queues.length * 28, label);
    queues.forEach((queue, row) => {
      const y = row * 28 + 2;
      drawn.append(svg('text', { x: 0, y: y + 15, class: 't m' },
        queue.polled ? 'polled queue' : 'interrupt-driven'));
      for (let tag = 0; tag < queue.depth; tag++) {
        const busy = queue.busy.includes(tag);
        drawn.append(
          svg('rect', { x: 130 + tag * 28, y, width: 22, height: 22, rx: 2, class: busy ? 'f' : 'b' }),
          svg('text', {
            x: 141 + tag * 28, y: y + 15, 'text-anchor': 'middle', class: busy ? 't' : 't m',
          }, tag));
      }
    });
    return drawn;
  };
})();
