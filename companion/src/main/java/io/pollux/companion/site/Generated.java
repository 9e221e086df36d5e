// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import io.pollux.companion.text.Targets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The parts of pages that are made from the sources: a text names them. */
final class Generated {
  /** Before the name of a recorded walk. */
  private static final String LIFE = "life ";

  private final Path texts;
  private final SourceTree tree;
  private final Series series;
  private final Targets targets;
  private final Faults faults;

  Generated(Path texts, SourceTree tree, Series series, Targets targets, Faults faults) {
    this.texts = texts;
    this.tree = tree;
    this.series = series;
    this.targets = targets;
    this.faults = faults;
  }

  /** Returns a part, or null if there is none of the name. */
  @Nullable String html(String name, String body, String root) {
    if (name.startsWith(LIFE)) {
      String walk = name.substring(LIFE.length());
      return new Walk(texts, walk, tree, targets, faults).html(body, root);
    }
    return switch (name) {
      case "patches" -> patches(root);
      case "locks" -> new LockMap(tree, faults).html(root);
      case "barriers" -> new BarrierMap(tree, faults).html(body, root);
      case "pairs" -> new PairMap(tree, faults, root).html(body);
      case "errnos" -> new ErrnoMap(tree, faults).html(body, root);
      case "exercise" -> new Exercise(tree, faults).html(body, root);
      case "table" -> new Numbers(texts, faults).table();
      case "features" -> new Numbers(texts, faults).features();
      default -> null;
    };
  }

  private String patches(String root) {
    StringBuilder html = new StringBuilder("<ol class=patches>\n");
    for (Series.Patch patch : series.patches()) {
      html.append("<li><a href=\"").append(root).append(patch.path()).append("\">");
      html.append(Html.escape(patch.subject())).append("</a> <span>");
      html.append(Html.escape(patch.summary())).append("</span></li>\n");
    }
    return html.append("</ol>\n").toString();
  }
}
