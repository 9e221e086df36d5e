// SPDX-License-Identifier: GPL-2.0-only

/**
 * The reading companion: makes a static site from the sources of this project, their annotations
 * and texts. It needs a tree of sources and no module of Pollux.
 */
module io.pollux.companion {
  requires static transitive org.jspecify;
  requires jdk.compiler;
  requires org.commonmark;
  requires org.commonmark.ext.gfm.tables;
  requires org.commonmark.ext.front.matter;
  requires com.samskivert.jmustache;
  requires org.jsoup;
  requires com.fasterxml.jackson.jr.ob;
  // lunr.js, the search in the page
  requires lunr;

  exports io.pollux.companion;
}
