// SPDX-License-Identifier: GPL-2.0-only
// Runs before the page is drawn: the theme that the reader chose, and the names that other scripts share.
'use strict';

window.pollux = { root: document.currentScript.dataset.root, data: {} };

(function () {
  let chosen = null;
  try {
    chosen = localStorage.getItem('pollux-theme');
  } catch (e) {
    // storage may be off; the system's theme is used
  }
  if (chosen === 'light' || chosen === 'dark') {
    document.documentElement.dataset.theme = chosen;
  }
})();
