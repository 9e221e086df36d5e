// SPDX-License-Identifier: GPL-2.0-only
// The page of the rings: buttons and drawings for the models in ring-model.js.
'use strict';

(function () {
  const element = pollux.element;
  const SIZE = 6;
  const PLAY_MILLIS = 1100;

  const button = (text, action) => {
    const made = element('button', '', text);
    made.type = 'button';
    made.addEventListener('click', action);
    return made;
  };

  const buttons = (label, all) => {
    const group = element('div', 'buttons');
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', label);
    group.append(...all);
    return group;
  };

  const said = text => {
    const made = element('p', 'said', text);
    made.setAttribute('role', 'status');
    return made;
  };

  // Both rings.

  const rings = document.getElementById('the-rings');
  let ring = new pollux.RingModel(SIZE, true);
  const message = said('Both rings are empty: head is tail. Fill an entry.');
  const drawings = element('div', 'pair');
  const facts = element('dl');

  const act = action => () => {
    message.textContent = action();
    drawRings();
  };

  const choose = polled => () => {
    ring = new pollux.RingModel(SIZE, polled);
    message.textContent = polled
      ? 'An IOPOLL context: completions come out of a poll.'
      : 'A context with interrupts: the device posts events.';
    drawRings();
  };

  const cells = (from, pending) => from.map((data, i) => ({
    text: data === null ? '' : String(data),
    title: data === null ? '' : `data ${data}${pending.includes(i) ? ', filled and not published' : ''}`,
  }));

  const drawRing = (title, name, state, pending, headBy, tailBy) => {
    const figure = element('figure');
    figure.append(
      element('figcaption', '', title),
      pollux.drawRing({ name, cells: cells(state.cells, pending), head: state.head, tail: state.tail, headBy, tailBy }));
    return figure;
  };

  const list = entries => (entries.length ? entries.map(data => 'data ' + data).join(', ') : 'none');

  const drawRings = () => {
    const pending = pollux.filled(ring.sq.tail, ring.filledTo, SIZE);
    drawings.replaceChildren(
      drawRing('SQ ring: entries for the kernel', 'SQ ring', ring.sq, pending, 'kernel', 'program'),
      drawRing('CQ ring: events for the program', 'CQ ring', ring.cq, [], 'program', 'kernel'));
    const rows = [
      ['In flight at the device', list(ring.inFlight)],
      ring.polled ? ['Complete, on the iopoll list', list(ring.completed)] : ['Kept without room', list(ring.kept)],
      ['The kernel’s own indices', `SQ head ${ring.kernelHead}, CQ tail ${ring.kernelTail}`],
    ];
    facts.replaceChildren(...rows.flatMap(([name, value]) => [element('dt', '', name), element('dd', '', value)]));
  };

  const radio = (text, polled) => {
    const label = element('label');
    const input = element('input');
    input.type = 'radio';
    input.name = 'kind';
    input.checked = polled;
    input.addEventListener('change', choose(polled));
    label.append(input, text);
    return label;
  };

  const column = (title, all) => {
    const made = element('div');
    made.append(element('h3', '', title), buttons(title, all));
    return made;
  };

  const controls = element('div', 'pair');
  controls.append(
    column('The program', [
      button('Fill an entry', act(() => ring.fill())),
      button('Store the tail', act(() => ring.publish())),
      button('Reap an event', act(() => ring.reap())),
      button('Forge tail 9', act(() => ring.forgeTail(9))),
      button('Forge tail −1', act(() => ring.forgeTail(-1))),
      button('Forge a tail inside', act(() => ring.forgeTail(ring.next(ring.next(ring.filledTo))))),
    ]),
    column('The kernel and the device', [
      button('Enter: submit', act(() => ring.submit())),
      button('Device completes one', act(() => ring.complete())),
      button('Enter: get events', act(() => ring.getEvents())),
      button('Fill the CQ ring', act(() => {
        for (let i = 0; i < SIZE; i++) {
          ring.fill();
          ring.publish();
          ring.submit();
          ring.complete();
          ring.getEvents();
        }
        return ring.polled
          ? 'The program did not reap: the CQ ring is full. Further completions stay on the iopoll list.'
          : 'The program did not reap: the CQ ring is full. Further events are kept, and a call says EOVERFLOW once.';
      })),
      button('Start again', act(() => {
        ring = new pollux.RingModel(SIZE, ring.polled);
        return 'Both rings are empty: head is tail.';
      })),
    ]));
  rings.append(radio('IOPOLL', true), radio('interrupts', false), controls, message, drawings, facts);
  drawRings();

  // The sleep race.

  const host = document.getElementById('the-race');
  let race = new pollux.SleepRace('right');
  let timer = 0;
  const story = said('');
  const select = element('select');
  Object.entries(pollux.VARIANTS).forEach(([name, variant]) => {
    const option = element('option', '', variant.title);
    option.value = name;
    select.append(option);
  });
  const chooser = element('label');
  chooser.append('Order ', select);

  const sides = element('div', 'pair');
  const memory = element('dl');
  const verdict = element('p', 'verdict');
  verdict.setAttribute('role', 'status');

  const stepButtons = {
    program: button('Step the program', () => step('program')),
    kernel: button('Step the thread', () => step('kernel')),
    'program memory': button('Its store reaches memory', () => step('program memory')),
    'kernel memory': button('Its store reaches memory', () => step('kernel memory')),
  };
  stepButtons['program memory'].setAttribute('aria-label', 'Its store reaches memory: the program');
  stepButtons['kernel memory'].setAttribute('aria-label', 'Its store reaches memory: the thread');

  const play = button('', () => {
    restart();
    const path = pollux.explore(select.value).path || ['program', 'program memory', 'kernel', 'kernel memory',
      'program', 'program', 'program', 'kernel', 'kernel', 'kernel'];
    let at = 0;
    const turn = () => {
      step(path[at++]);
      timer = at < path.length ? setTimeout(turn, PLAY_MILLIS) : 0;
    };
    turn();
  });
  const again = button('Start again', () => restart());

  const told = which => {
    const [side, toMemory] = which.split(' ');
    const actor = side === 'program' ? 'The program' : 'The thread';
    if (toMemory) {
      const [name, value] = race.buffer[side][0];
      return `${actor}’s store reaches memory: ${name === 'tail' ? 'the tail' : 'NEED_WAKEUP'} is ${value}.`;
    }
    const text = race.steps[side][race.at[side]].text;
    return { side, actor, text };
  };

  const step = which => {
    const before = told(which);
    race.move(which);
    if (typeof before === 'string') {
      story.textContent = before;
    } else {
      const results = {
        'store the tail': 'The program stores the tail. The store waits in its processor’s buffer.',
        'set NEED_WAKEUP': 'The thread sets NEED_WAKEUP. The store waits in its processor’s buffer.',
        'full fence': `${before.actor} passes its fence: its stores are in memory.`,
        'load NEED_WAKEUP': `The program loads NEED_WAKEUP and sees ${race.sawFlag}.`,
        'load the tail': `The thread loads the tail and sees ${race.sawTail ? 'the entry' : 'an empty ring'}.`,
        'if it is set: io_ring_enter': race.woken
          ? 'The program calls io_ring_enter, which wakes the thread.'
          : 'The program makes no call: the thread seems to be awake.',
        'if the ring is empty: sleep': race.asleep
          ? race.woken ? 'The thread would sleep, and is woken at once.' : 'The thread sleeps.'
          : 'The thread does not sleep: it takes the entry.',
      };
      story.textContent = results[before.text];
    }
    drawRace();
  };

  const sideOf = (name, title) => {
    const made = element('div');
    const steps = element('ol', 'program');
    steps.setAttribute('aria-label', title);
    race.steps[name].forEach((each, i) => {
      const item = element('li', i < race.at[name] ? 'done' : '', each.text);
      if (i < race.at[name]) {
        item.prepend('✓ ');
      }
      if (i === race.at[name]) {
        item.setAttribute('aria-current', 'step');
        if (each.when && !each.when(race)) {
          item.append(element('span', '', ' — waits for its store'));
        }
      }
      steps.append(item);
    });
    made.append(element('h3', '', title), steps, buttons(title, [stepButtons[name], stepButtons[name + ' memory']]));
    return made;
  };

  const stores = side => race.buffer[side]
    .map(([name, value]) => `${name === 'tail' ? 'tail' : 'NEED_WAKEUP'} = ${value}`).join(', ') || 'empty';

  const drawRace = () => {
    const focused = document.activeElement;
    const moves = race.moves();
    Object.entries(stepButtons).forEach(([name, each]) => { each.disabled = !moves.includes(name); });
    sides.replaceChildren(sideOf('program', 'The program'), sideOf('kernel', 'The kernel’s thread'));
    if (focused instanceof HTMLButtonElement && sides.contains(focused)) {
      (focused.disabled ? sides.querySelector('button:enabled') || again : focused).focus();
    }
    const rows = [
      ['Tail in memory', race.memory.tail ? '1: an entry is in the ring' : '0: the ring is empty'],
      ['NEED_WAKEUP in memory', String(race.memory.flag)],
      ['Buffer of the program', stores('program')],
      ['Buffer of the thread', stores('kernel')],
      ['The thread', race.asleep && !race.woken ? 'asleep' : 'awake'],
    ];
    memory.replaceChildren(...rows.flatMap(([name, value]) => [element('dt', '', name), element('dd', '', value)]));
    const lost = race.isLost();
    verdict.className = lost ? 'verdict bad' : 'verdict';
    verdict.textContent = !race.isOver() ? '' : lost
      ? 'Lost: the entry is in the ring, the thread sleeps, and no call will wake it.'
      : race.asleep ? 'Good: the thread slept, and the program woke it.' : 'Good: the thread has seen the entry.';
  };

  const restart = () => {
    clearTimeout(timer);
    race = new pollux.SleepRace(select.value);
    const found = pollux.explore(select.value);
    play.textContent = found.path ? 'Play the bad order' : 'Play one order';
    story.textContent = found.path
      ? `Of ${found.orders} possible orders, ${found.lost} lose the wake-up.`
      : `All ${found.orders} possible orders were tried: none loses the wake-up.`;
    drawRace();
  };
  select.addEventListener('change', restart);
  host.append(chooser, buttons('The race', [play, again]), story, sides, memory, verdict);
  restart();
})();
