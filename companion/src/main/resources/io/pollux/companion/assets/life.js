// SPDX-License-Identifier: GPL-2.0-only
// A recorded walk: shows one step at a time, with what the kernel had there.
'use strict';

(function () {
  const element = pollux.element;
  const walk = document.querySelector('.walk');
  const steps = pollux.data[walk.dataset.walk];
  const items = [...walk.querySelectorAll('.steps > li')];
  let current = 0;

  // The frame: buttons, a strip of all steps, the step, and the state.

  const button = (text, label, to) => {
    const made = element('button', '', text);
    made.type = 'button';
    made.setAttribute('aria-label', label);
    made.addEventListener('click', () => go(to()));
    return made;
  };
  const first = button('⇤', 'First step', () => 0);
  const back = button('← Back', 'Step back', () => current - 1);
  const next = button('Next →', 'Next step', () => current + 1);
  const last = button('⇥', 'Last step', () => steps.length - 1);
  const where = element('output');
  const bar = element('div', 'stepper');
  bar.setAttribute('role', 'group');
  bar.setAttribute('aria-label', 'Steps');
  bar.append(first, back, where, next, last);

  const strip = element('ol', 'strip');
  const links = steps.map((step, i) => {
    const link = element('a');
    link.href = '#step-' + (i + 1);
    link.title = `${i + 1}: ${step.point}`;
    link.setAttribute('aria-label', `Step ${i + 1}: ${step.point}, ${step.thread}`);
    const item = element('li', items[i].dataset.part === (items[i - 1] || items[0]).dataset.part ? '' : 'part');
    item.dataset.thread = step.thread;
    item.append(link);
    strip.append(item);
    return link;
  });

  const state = element('section', 'state');
  const stage = element('div', 'stage');
  const list = walk.querySelector('.steps');
  walk.append(bar, strip, stage);
  stage.append(list, state);
  walk.classList.add('on');

  // What the kernel has.

  const number = text => (/data (\d+)/.exec(text) || ['', text ? '·' : ''])[1];
  const cells = ring => ring.cells.map(cell => ({ text: number(cell), title: cell }));

  const figure = (title, drawing, changed) => {
    const made = element('figure', changed ? 'changed' : '');
    made.append(element('figcaption', '', title), drawing);
    return made;
  };

  const differs = (a, b) => b !== undefined && JSON.stringify(a) !== JSON.stringify(b);

  const rings = (step, before) => {
    const drawn = [];
    if (step.sq) {
      const ring = { name: 'SQ ring', cells: cells(step.sq), head: step.sq.head, tail: step.sq.tail };
      const flag = step.sq.needWakeup ? ' · NEED_WAKEUP' : '';
      drawn.push(figure(`SQ ring${flag}`, pollux.drawRing(ring), differs(step.sq, before.sq)));
    }
    if (step.cq) {
      const ring = { name: 'CQ ring', cells: cells(step.cq), head: step.cq.head, tail: step.cq.tail };
      drawn.push(figure('CQ ring', pollux.drawRing(ring), differs(step.cq, before.cq)));
    }
    if (step.old) {
      const ring = {
        name: 'Ring of io_setup', cells: cells(step.old), head: step.old.head, tail: step.old.tail, more: true,
      };
      drawn.push(figure('Ring of io_setup', pollux.drawRing(ring), differs(step.old, before.old)));
    }
    return drawn;
  };

  const held = (title, entries, changed) => {
    const row = element('div', changed ? 'list changed' : 'list');
    row.append(element('h4', '', title));
    const kept = element('ul');
    kept.setAttribute('aria-label', title);
    (entries.length ? entries : ['empty']).forEach(entry =>
      kept.append(element('li', entries.length ? 'held' : 'none', entry)));
    row.append(kept);
    return row;
  };

  const lists = (step, before) => {
    const old = before.lists || {};
    const rows = [];
    if (step.lists.iopoll) {
      rows.push(held('iopoll list', step.lists.iopoll, differs(step.lists.iopoll, old.iopoll)));
    }
    rows.push(held('plug', step.lists.plug, differs(step.lists.plug, old.plug)));
    rows.push(held('i_rwsem', step.inodeLocked ? ['held'] : [], differs(step.inodeLocked, before.inodeLocked)));
    rows[rows.length - 1].querySelectorAll('.none').forEach(none => { none.textContent = 'free'; });
    if (step.glock) {
      const [name, mode] = step.glock.split(':');
      const words = { UN: 'unlocked', EX: 'exclusive', DF: 'deferred', SH: 'shared' };
      rows.push(held('glock ' + name, [words[mode]], differs(step.glock, before.glock)));
    }
    return rows;
  };

  const references = (step, before) => {
    const table = element('table', 'refs');
    table.append(element('caption', '', 'References'));
    const head = element('tr');
    ['what', 'count', 'held by'].forEach(title => {
      const cell = element('th', '', title);
      cell.scope = 'col';
      head.append(cell);
    });
    table.append(head);
    step.refs.forEach((ref, i) => {
      const row = element('tr', before.refs && differs(ref, before.refs[i]) ? 'changed' : '');
      const what = element('th', '', ref.what);
      what.scope = 'row';
      row.append(what, element('td', '', ref.count), element('td', '', ref.by));
      table.append(row);
    });
    return table;
  };

  const draw = () => {
    const step = steps[current];
    const before = current > 0 ? steps[current - 1] : {};
    state.setAttribute('aria-label', `What the kernel has at step ${current + 1}`);
    state.replaceChildren(
      ...rings(step, before),
      ...lists(step, before),
      figure('Tags of the disk', pollux.drawTags(step.tags), differs(step.tags, before.tags)),
      references(step, before));
  };

  // Moving.

  const show = to => {
    current = Math.max(0, Math.min(steps.length - 1, to));
    items.forEach((item, i) => { item.hidden = i !== current; });
    links.forEach((link, i) => {
      if (i === current) {
        link.setAttribute('aria-current', 'step');
      } else {
        link.removeAttribute('aria-current');
      }
    });
    const part = items[current].dataset.part;
    where.replaceChildren(element('b', '', `${current + 1} of ${steps.length}`), part ? ' ' + part : '');
    first.disabled = back.disabled = current === 0;
    next.disabled = last.disabled = current === steps.length - 1;
    draw();
  };

  const go = to => {
    show(to);
    history.replaceState(null, '', '#step-' + (current + 1));
  };

  const fromAddress = () => {
    const found = /^#step-(\d+)$/.exec(location.hash);
    show(found ? Number(found[1]) - 1 : 0);
  };

  addEventListener('hashchange', fromAddress);
  addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest('input, pre')) {
      return;
    }
    const to = {
      ArrowLeft: () => current - 1, ArrowRight: () => current + 1, Home: () => 0, End: () => steps.length - 1,
    }[event.key];
    if (to) {
      event.preventDefault();
      go(to());
    }
  });
  fromAddress();
})();
