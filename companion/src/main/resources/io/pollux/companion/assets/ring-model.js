// SPDX-License-Identifier: GPL-2.0-only
// The rules of the rings, without a page: RingModel for the two rings, SleepRace for SQPOLL.
// window.ringSelfTest() checks them. The rules are those of SqRing, CqRing, ScqRing and SqThread.
'use strict';

(function () {
  const REQUESTS_PER_EVENT = 16; // a context has at most so many requests for each slot

  /** Both rings of a context, the program above them, and the kernel below. */
  class RingModel {
    constructor(size, polled) {
      this.size = size;
      this.polled = polled;
      this.sq = { head: 0, tail: 0, cells: new Array(size).fill(null) };
      this.cq = { head: 0, tail: 0, cells: new Array(size).fill(null) };
      this.filledTo = 0; // the program's own tail, before it is stored
      this.kernelHead = 0; // the kernel believes its own indices only
      this.kernelTail = 0;
      this.inFlight = [];
      this.completed = []; // polled: on the iopoll list, complete
      this.kept = []; // not polled: events without room
      this.untold = false;
      this.nextData = 1;
    }

    next(index) {
      return index + 1 === this.size ? 0 : index + 1;
    }

    inside(index) {
      return index >= 0 && index < this.size;
    }

    // The program.

    /** Fills the entry at the program's tail. Returns what happened. */
    fill() {
      if (this.next(this.filledTo) === this.sq.head) {
        return 'The SQ ring is full: one slot stays free, so that full and empty differ.';
      }
      this.sq.cells[this.filledTo] = this.nextData;
      this.filledTo = this.next(this.filledTo);
      return `The program fills an entry with data ${this.nextData++}. The tail has not moved: the kernel does not see it.`;
    }

    /** Stores the tail with release order. */
    publish() {
      const before = this.sq.tail;
      this.sq.tail = this.filledTo;
      if (before === this.sq.tail) {
        return 'The tail stays: nothing was filled since.';
      }
      return `The program stores tail ${this.sq.tail} with release order.`
        + (this.filledTo < before ? ' The index has wrapped around to the start.' : '');
    }

    /** Stores a tail that no entry was filled for. */
    forgeTail(value) {
      this.sq.tail = value;
      return this.inside(value)
        ? `The program stores tail ${value} without filling entries. Inside the ring it is believed: the kernel will take stale entries.`
        : `The program stores tail ${value}. It is outside the ring, and so the kernel sees an empty ring.`;
    }

    /** Reads an event and stores the head with release order. */
    reap() {
      if (!this.inside(this.cq.head) || this.cq.head === this.cq.tail) {
        return 'head is tail: the CQ ring has no event.';
      }
      const data = this.cq.cells[this.cq.head];
      this.cq.head = this.next(this.cq.head);
      return `The program reads the event with data ${data} and stores head ${this.cq.head}. The slot is free.`;
    }

    // The kernel.

    /** io_ring_enter with SUBMIT: takes entries up to the tail, which is read once. */
    submit() {
      const untold = this.flushOverflow();
      if (untold) {
        return 'The call returns EOVERFLOW, once: events had found no room. They follow as there is room.';
      }
      if (!this.polled && this.kept.length >= this.size) {
        return 'The call returns EAGAIN: as many events are kept as the ring has slots.';
      }
      const tail = this.inside(this.sq.tail) ? this.sq.tail : this.kernelHead;
      let taken = 0;
      while (this.kernelHead !== tail && this.requests() < REQUESTS_PER_EVENT * this.size) {
        this.inFlight.push(this.sq.cells[this.kernelHead]);
        this.kernelHead = this.next(this.kernelHead);
        taken++;
      }
      this.sq.head = this.kernelHead;
      if (taken === 0 && this.kernelHead !== tail) {
        return 'The call returns EAGAIN: the context has all the requests that it may have.';
      }
      return taken === 0
        ? 'The kernel finds no entry between its head and the tail. The call returns 0.'
        : `The kernel takes ${taken} ${taken === 1 ? 'entry' : 'entries'} and stores head ${this.sq.head} with release order.`;
    }

    requests() {
      return this.inFlight.length + this.completed.length + this.kept.length;
    }

    /** The device completes its oldest request. */
    complete() {
      if (this.inFlight.length === 0) {
        return 'The device has no request.';
      }
      const data = this.inFlight.shift();
      if (this.polled) {
        this.completed.push(data);
        return `The device completes data ${data}. The kernel does not see it: a polled request completes inside a poll.`;
      }
      this.flushKept();
      if (this.kept.length === 0 && this.put(data)) {
        this.cq.tail = this.kernelTail;
        return `The device completes data ${data}. Its event is written, then tail ${this.cq.tail} is stored with release order.`;
      }
      this.kept.push(data);
      this.untold = true;
      return `The device completes data ${data}. The CQ ring is full, so the kernel keeps the event.`;
    }

    /** io_ring_enter with GETEVENTS. */
    getEvents() {
      if (!this.polled) {
        const untold = this.flushOverflow();
        return untold
          ? 'The call returns EOVERFLOW, once. Kept events have moved to the ring as far as there is room.'
          : 'The call returns 0. Events came without it, and kept ones have moved as far as there is room.';
      }
      let found = 0;
      while (this.completed.length && this.put(this.completed[0])) {
        this.completed.shift();
        found++;
      }
      this.cq.tail = this.kernelTail;
      if (this.completed.length) {
        return `The poller posts ${found}, then finds no room. The rest stay on the iopoll list until a later call.`;
      }
      return found === 0
        ? 'The poller finds nothing complete.'
        : `The poller writes ${found} ${found === 1 ? 'event' : 'events'}, then stores tail ${this.cq.tail} with release order.`;
    }

    /** Writes an event, if there is room. A head outside the ring means that there is none. */
    put(data) {
      const behind = this.next(this.kernelTail);
      if (behind === this.cq.head || !this.inside(this.cq.head)) {
        return false;
      }
      this.cq.cells[this.kernelTail] = data;
      this.kernelTail = behind;
      return true;
    }

    flushKept() {
      while (this.kept.length && this.put(this.kept[0])) {
        this.kept.shift();
      }
      this.cq.tail = this.kernelTail;
    }

    flushOverflow() {
      if (this.kept.length) {
        this.flushKept();
      }
      const untold = this.untold;
      this.untold = false;
      return untold;
    }
  }

  // The sleep race. A store waits in a buffer of its processor until it reaches memory; a fence waits for that.

  const PROGRAM = {
    store: { text: 'store the tail', done: s => { s.buffer.program.push(['tail', 1]); } },
    fence: { text: 'full fence', when: s => s.buffer.program.length === 0, done: () => {} },
    load: {
      text: 'load NEED_WAKEUP',
      done: s => { s.sawFlag = s.seen('program', 'flag'); },
    },
    call: {
      text: 'if it is set: io_ring_enter',
      done: s => {
        if (s.sawFlag) {
          s.drain('program'); // a call is a full barrier
          s.woken = 1;
        }
      },
    },
  };
  const KERNEL = {
    store: { text: 'set NEED_WAKEUP', done: s => { s.buffer.kernel.push(['flag', 1]); } },
    fence: { text: 'full fence', when: s => s.buffer.kernel.length === 0, done: () => {} },
    load: { text: 'load the tail', done: s => { s.sawTail = s.seen('kernel', 'tail'); } },
    sleep: { text: 'if the ring is empty: sleep', done: s => { s.asleep = s.sawTail ? 0 : 1; } },
  };

  /** The orders of the two sides. The first is the kernel's, the others break. */
  const VARIANTS = {
    right: { title: 'As in this kernel: both fences', program: 'store fence load call', kernel: 'store fence load sleep' },
    program: { title: 'Without the fence of the program', program: 'store load call', kernel: 'store fence load sleep' },
    kernel: { title: 'Without the fence of the kernel', program: 'store fence load call', kernel: 'store load sleep' },
    late: { title: 'The kernel checks before it sets the flag', program: 'store fence load call', kernel: 'load store fence sleep' },
    early: { title: 'The program reads the flag before it stores the tail', program: 'load store fence call', kernel: 'store fence load sleep' },
  };

  /** One run of the race, as far as it has come. */
  class SleepRace {
    constructor(variant) {
      this.variant = variant;
      this.steps = {
        program: VARIANTS[variant].program.split(' ').map(name => PROGRAM[name]),
        kernel: VARIANTS[variant].kernel.split(' ').map(name => KERNEL[name]),
      };
      this.at = { program: 0, kernel: 0 };
      this.memory = { tail: 0, flag: 0 };
      this.buffer = { program: [], kernel: [] };
      this.sawFlag = null;
      this.sawTail = null;
      this.woken = 0;
      this.asleep = 0;
    }

    copy() {
      const other = new SleepRace(this.variant);
      other.at = { ...this.at };
      other.memory = { ...this.memory };
      other.buffer = { program: [...this.buffer.program], kernel: [...this.buffer.kernel] };
      ['sawFlag', 'sawTail', 'woken', 'asleep'].forEach(field => { other[field] = this[field]; });
      return other;
    }

    /** What a processor reads: its own store, even before memory has it. */
    seen(side, name) {
      const own = this.buffer[side].filter(store => store[0] === name);
      return own.length ? own[own.length - 1][1] : this.memory[name];
    }

    drain(side) {
      this.buffer[side].splice(0).forEach(([name, value]) => { this.memory[name] = value; });
    }

    /** The moves that are possible: a step of a side, or a buffered store that reaches memory. */
    moves() {
      const possible = [];
      ['program', 'kernel'].forEach(side => {
        const step = this.steps[side][this.at[side]];
        if (step && (!step.when || step.when(this))) {
          possible.push(side);
        }
        if (this.buffer[side].length) {
          possible.push(side + ' memory');
        }
      });
      return possible;
    }

    move(which) {
      const [side, memory] = which.split(' ');
      if (memory) {
        const [name, value] = this.buffer[side].shift();
        this.memory[name] = value;
        return;
      }
      this.steps[side][this.at[side]].done(this);
      this.at[side]++;
    }

    isOver() {
      return this.moves().length === 0;
    }

    /** The entry is in the ring, the thread sleeps, and nothing will wake it. */
    isLost() {
      return this.isOver() && this.asleep === 1 && this.woken === 0;
    }
  }

  /** Tries every order. Returns how many there are, how many lose the wake-up, and one that does. */
  function explore(variant) {
    const found = { orders: 0, lost: 0, path: null };
    const visit = (race, path) => {
      const moves = race.moves();
      if (moves.length === 0) {
        found.orders++;
        if (race.isLost()) {
          found.lost++;
          if (!found.path || path.length < found.path.length) {
            found.path = path;
          }
        }
        return;
      }
      moves.forEach(which => {
        const other = race.copy();
        other.move(which);
        visit(other, [...path, which]);
      });
    };
    visit(new SleepRace(variant), []);
    return found;
  }

  /** Checks the models. Returns the faults, as sentences; an empty list if there is none. */
  function ringSelfTest() {
    const faults = [];
    const check = (is, sentence) => {
      if (!is) {
        faults.push(sentence);
      }
    };
    let ring = new RingModel(4, true);
    ring.fill();
    ring.submit();
    check(ring.inFlight.length === 0, 'an entry is taken before the tail is stored');
    ring.publish();
    ring.submit();
    check(ring.inFlight.length === 1 && ring.sq.head === 1, 'a published entry is not taken');
    ring.fill();
    ring.fill();
    ring.fill();
    ring.publish();
    check(ring.sq.tail === 0, 'the tail does not wrap');
    check(/full/.test(ring.fill()), 'a full ring takes one more entry');
    ring.forgeTail(9);
    ring.submit();
    check(ring.inFlight.length === 1 && ring.sq.head === 1, 'a tail outside the ring is believed');
    ring.publish();
    ring.forgeTail(-1);
    ring.submit();
    check(ring.inFlight.length === 1, 'a negative tail is believed');
    ring.sq.tail = ring.filledTo;
    ring.submit();
    check(ring.inFlight.length === 4 && ring.sq.head === 0, 'the kernel lost its own head');
    for (let i = 0; i < 4; i++) {
      ring.complete();
    }
    check(ring.cq.tail === 0, 'a polled completion is posted without a poll');
    ring.getEvents();
    check(ring.cq.tail === 3 && ring.completed.length === 1, 'a full CQ ring loses or drops an event');
    ring.reap();
    ring.getEvents();
    check(ring.cq.tail === 0 && ring.completed.length === 0, 'a late event does not come after room was made');
    ring.cq.head = 7;
    check(!ring.put(99), 'a head outside the CQ ring leaves room');

    ring = new RingModel(4, false);
    for (let i = 0; i < 4; i++) {
      ring.fill();
      ring.publish();
      ring.submit();
      ring.complete();
    }
    check(ring.cq.tail === 3 && ring.kept.length === 1, 'an event without room is not kept');
    check(/EOVERFLOW/.test(ring.getEvents()), 'an overflow is not told');
    check(!/EOVERFLOW/.test(ring.getEvents()), 'an overflow is told twice');
    ring.reap();
    ring.getEvents();
    check(ring.kept.length === 0 && ring.cq.cells[3] === 4, 'a kept event does not follow');

    Object.keys(VARIANTS).forEach(variant => {
      const found = explore(variant);
      check(found.orders > 10, `the race "${variant}" has ${found.orders} orders`);
      check((found.lost === 0) === (variant === 'right'), `the race "${variant}" loses ${found.lost} wake-ups`);
    });
    return faults;
  }

  Object.assign(pollux, { RingModel, SleepRace, VARIANTS, explore });
  window.ringSelfTest = ringSelfTest;
})();
