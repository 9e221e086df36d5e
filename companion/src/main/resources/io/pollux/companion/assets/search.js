// SPDX-License-Identifier: GPL-2.0-only
// The search: lunr.js and an index that was built with the site. Both are loaded when the field gets the focus first.
'use strict';

(function () {
  const MOST = 12;
  const input = document.getElementById('the-search');
  const found = document.getElementById('the-found');
  let index = null;
  let loading = false;
  let at = -1;

  function script(name, then) {
    const element = document.createElement('script');
    element.src = pollux.root + 'assets/' + name;
    element.onload = then;
    document.head.append(element);
  }

  function load() {
    if (loading) {
      return;
    }
    loading = true;
    script('lunr.min.js', () => script('search-index.js', () => {
      index = lunr.Index.load(pollux.search.index);
      search();
    }));
  }

  // Every word must be there: whole, or as the start of a word.
  function query(text) {
    const words = text.toLowerCase().split(/[^\p{L}\p{N}_]+/u).filter(word => word);
    if (!words.length) {
      return [];
    }
    const sets = words.map(word => {
      const scores = new Map();
      const results = index.query(q => {
        q.term(word, { fields: ['n'], boost: 20, usePipeline: false });
        q.term(word, { fields: ['w'], boost: 2, usePipeline: false });
        q.term(word, { fields: ['n'], boost: 6, usePipeline: false, wildcard: lunr.Query.wildcard.TRAILING });
        q.term(word, { fields: ['w'], boost: 1, usePipeline: false, wildcard: lunr.Query.wildcard.TRAILING });
      });
      results.forEach(result => scores.set(result.ref, result.score));
      return scores;
    });
    const hits = [];
    sets[0].forEach((score, ref) => {
      if (sets.every(set => set.has(ref))) {
        const [title, kind] = pollux.search.entries[ref];
        let sum = sets.reduce((total, set) => total + set.get(ref), 0);
        const name = title.split('.').pop().toLowerCase();
        sum *= name === text.toLowerCase().trim() ? 4 : 1;
        sum *= kind.startsWith('C,') ? 1.6 : kind === 'page' ? 1.5 : kind === 'type' ? 1.3 : kind.includes('test') ? 0.6 : 1;
        hits.push([sum, ref]);
      }
    });
    return hits.sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, MOST);
  }

  function search() {
    at = -1;
    input.removeAttribute('aria-activedescendant');
    const text = input.value;
    found.replaceChildren();
    if (!text.trim()) {
      show(false);
      return;
    }
    if (!index) {
      say('The index is loading.');
      return;
    }
    const hits = query(text);
    hits.forEach(([, ref], i) => {
      const [title, kind, href] = pollux.search.entries[ref];
      const link = document.createElement('a');
      link.href = pollux.root + href;
      link.id = 'the-found-' + i;
      link.role = 'option';
      link.tabIndex = -1;
      const name = document.createElement('b');
      name.textContent = title;
      const what = document.createElement('span');
      what.textContent = kind;
      link.append(name, ' ', what);
      found.append(link);
    });
    if (!hits.length) {
      say('Nothing found.');
    }
    show(true);
  }

  function say(text) {
    const said = document.createElement('p');
    said.textContent = text;
    found.append(said);
    show(true);
  }

  function show(open) {
    found.hidden = !open;
    input.setAttribute('aria-expanded', String(open));
  }

  function mark(next) {
    const links = found.querySelectorAll('a');
    if (!links.length) {
      return;
    }
    at = (next + links.length) % links.length;
    links.forEach((link, i) => link.setAttribute('aria-selected', String(i === at)));
    links[at].scrollIntoView({ block: 'nearest' });
    input.setAttribute('aria-activedescendant', links[at].id);
  }

  input.addEventListener('focus', load);
  input.addEventListener('input', search);
  input.addEventListener('keydown', event => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      mark(event.key === 'ArrowDown' ? at + 1 : at < 0 ? -1 : at - 1);
      event.preventDefault();
    } else if (event.key === 'Escape') {
      input.value = '';
      show(false);
      input.blur();
    }
  });
  input.form.addEventListener('submit', event => {
    event.preventDefault();
    const links = found.querySelectorAll('a');
    if (!found.hidden && links.length) {
      location.href = links[Math.max(at, 0)].href;
      show(false);
    }
  });
  document.addEventListener('click', event => {
    if (!input.form.contains(event.target)) {
      show(false);
    }
  });
  found.addEventListener('click', () => show(false));
  document.addEventListener('keydown', event => {
    if (event.key === '/' && !event.target.closest('input, textarea, [contenteditable]')) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
})();
