// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import java.util.List;

/**
 * A page before it stands in the frame.
 *
 * @param path from the root of the site, such as {@code patch/15.html}
 * @param title the title, in plain text
 * @param section the entry of the navigation that is marked
 * @param body the content as HTML
 * @param scripts files in {@code assets/} that the page runs
 * @param data scripts with data, from the root of the site
 * @param words the words that the search finds; empty for none
 * @param kind what the search shows the page as; also the class of its content
 */
record Page(
    String path,
    String title,
    String section,
    String body,
    List<String> scripts,
    List<String> data,
    String words,
    String kind) {
  /** Leads from a page to the root of the site. */
  static String rootOf(String path) {
    return "../".repeat((int) path.chars().filter(c -> c == '/').count());
  }
}
