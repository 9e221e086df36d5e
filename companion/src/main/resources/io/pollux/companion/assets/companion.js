// SPDX-License-Identifier: GPL-2.0-only
// Of every page: the theme, the list of uses on a source page, and links to lines.
'use strict';

(function () {
  const page = document.documentElement;

  document.getElementById('the-theme').addEventListener('click', () => {
    const dark = page.dataset.theme
      ? page.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    page.dataset.theme = dark ? 'light' : 'dark';
    try {
      localStorage.setItem('pollux-theme', page.dataset.theme);
    } catch (e) {
      // the choice lasts as long as the page
    }
  });

  // A line's number is a link to the line. The page has the anchors that links point to; this script adds the others.
  const wanted = /^#L\d+$/.test(location.hash) && !document.querySelector(location.hash);
  document.querySelectorAll('.listing i').forEach((line, i) => {
    line.id = 'L' + (i + 1);
  });
  if (wanted && document.querySelector(location.hash)) {
    location.replace(location.hash);
  }
  document.querySelectorAll('.listing').forEach(listing => {
    listing.addEventListener('click', event => {
      if (event.target.tagName === 'I' && event.target.id) {
        location.hash = event.target.id;
      }
    });
  });

  // The list of uses is a panel. Escape closes it and returns to the declaration.
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape' && location.hash.startsWith('#u-')) {
      location.hash = location.hash.slice(3);
    }
  });

  const shown = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    const panel = name.startsWith('u-') && document.getElementById(name);
    if (panel) {
      panel.tabIndex = -1;
      panel.focus({ preventScroll: true });
      const declared = document.getElementById(name.slice(2));
      if (declared) {
        declared.scrollIntoView({ block: 'center' });
      }
    }
  };
  addEventListener('hashchange', shown);
  shown();

  // With the keyboard: the previous and the next page of a series.
  document.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('input, pre, [data-keys]')) {
      return;
    }
    const rel = { ArrowLeft: 'prev', ArrowRight: 'next' }[event.key];
    const link = rel && document.querySelector(`.pager a[rel=${rel}]`);
    if (link) {
      location.href = link.href;
    }
  });
})();
