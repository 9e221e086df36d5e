// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Faults;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;

/** Checks the written files: each link leads to a file and an anchor that exist. */
final class LinkCheck {
  private final Path dir;
  private final Faults faults;
  private final Map<String, Set<String>> anchors = new HashMap<>();
  private final Map<String, Set<String>> links = new HashMap<>(); // page#anchor, to its first page
  private int count;

  LinkCheck(Path dir, Faults faults) {
    this.dir = dir;
    this.faults = faults;
  }

  /** Checks pages. Returns the number of links. */
  static int check(Path dir, Iterable<String> pages, Faults faults) throws IOException {
    LinkCheck check = new LinkCheck(dir, faults);
    for (String page : pages) {
      check.read(page);
    }
    check.links.forEach(check::resolve);
    return check.count;
  }

  private void read(String page) throws IOException {
    Document document = Jsoup.parse(dir.resolve(page), "UTF-8");
    Set<String> ids = new HashSet<>();
    for (Element element : document.select("[id]")) {
      if (!ids.add(element.id())) {
        faults.add(page, "two elements have the id " + element.id());
      }
    }
    anchors.put(page, ids);
    Path base = Path.of(page).resolveSibling("");
    Set<String> targets = new HashSet<>();
    for (String attribute : List.of("href", "src")) {
      for (Element element : document.select("[" + attribute + "]")) {
        String href = element.attr(attribute);
        count++;
        if (href.startsWith("data:")) {
          continue;
        }
        if (href.startsWith("https://") || href.startsWith("http://")) {
          if (!element.normalName().equals("a")) {
            faults.add(page, "loads " + href);
          }
          continue;
        }
        int hash = href.indexOf('#');
        String file = hash < 0 ? href : href.substring(0, hash);
        String anchor = hash < 0 ? "" : href.substring(hash);
        String target = file.isEmpty() ? page : base.resolve(file).normalize().toString();
        targets.add(target + anchor);
      }
    }
    links.put(page, targets);
  }

  private void resolve(String page, Set<String> targets) {
    for (String target : targets) {
      int hash = target.indexOf('#');
      String file = hash < 0 ? target : target.substring(0, hash);
      Set<String> ids = anchors.get(file);
      if (ids == null) {
        if (!Files.exists(dir.resolve(file))) {
          faults.add(page, "the link to " + file + " leads nowhere");
        }
      } else if (hash >= 0 && !target.endsWith("#") && !ids.contains(target.substring(hash + 1))) {
        faults.add(page, "the link to " + target + " leads to no anchor");
      }
    }
  }
}
