// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Access;
import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceFile;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Every ordered access of some modules: its line, its C counterpart, and what it pairs with. */
final class BarrierMap {
  /** How Linux spells an access of this order. */
  private static final Map<String, String> C =
      Map.ofEntries(
          Map.entry("setRelease", "smp_store_release"),
          Map.entry("getAcquire", "smp_load_acquire"),
          Map.entry("setVolatile", "smp_store_mb"),
          Map.entry("getVolatile", "READ_ONCE with smp_mb"),
          Map.entry("setOpaque", "WRITE_ONCE"),
          Map.entry("getOpaque", "READ_ONCE"),
          Map.entry("fullFence", "smp_mb"),
          Map.entry("acquireFence", "smp_rmb"),
          Map.entry("releaseFence", "smp_wmb"),
          Map.entry("storeStoreFence", "smp_wmb"),
          Map.entry("loadLoadFence", "smp_rmb"),
          Map.entry("compareAndSet", "cmpxchg"),
          Map.entry("weakCompareAndSet", "cmpxchg in a loop"),
          Map.entry("weakCompareAndSetRelease", "cmpxchg_release in a loop"),
          Map.entry("weakCompareAndSetAcquire", "cmpxchg_acquire in a loop"),
          Map.entry("compareAndExchange", "cmpxchg"),
          Map.entry("getAndSet", "xchg"),
          Map.entry("getAndSetAcquire", "xchg_acquire"),
          Map.entry("getAndSetRelease", "xchg_release"),
          Map.entry("getAndAdd", "atomic_fetch_add"),
          Map.entry("getAndAddRelease", "atomic_fetch_add_release"),
          Map.entry("getAndAddAcquire", "atomic_fetch_add_acquire"),
          Map.entry("getAndBitwiseOr", "atomic_fetch_or"),
          Map.entry("getAndBitwiseOrRelease", "atomic_fetch_or_release"),
          Map.entry("getAndBitwiseAnd", "atomic_fetch_and"),
          Map.entry("getAndBitwiseAndRelease", "atomic_fetch_and_release"));

  private static final List<String> PLAIN = List.of("get", "set", "withInvokeExactBehavior");

  private static final String PAIRS = "pairs with";

  private final SourceTree tree;
  private final Faults faults;

  BarrierMap(SourceTree tree, Faults faults) {
    this.tree = tree;
    this.faults = faults;
  }

  /** A table for the modules that the body names, one a line. */
  String html(String body, String root) {
    StringBuilder html = new StringBuilder();
    for (String module : body.strip().lines().map(String::strip).toList()) {
      if (!tree.modules().contains(module)) {
        faults.add("the map of the barriers", "there is no module " + module);
      }
      html.append("<h3 id=\"").append(Html.slug(module)).append("\">").append(module);
      html.append("</h3>\n<div class=table><table><thead><tr><th>where</th><th>access</th>");
      html.append("<th>Linux</th><th>why, or what it pairs with</th></tr></thead><tbody>\n");
      for (SourceFile file : tree.files()) {
        if (file.module().equals(module) && !file.test()) {
          file.accesses().forEach(access -> row(file, access, root, html));
        }
      }
      html.append("</tbody></table></div>\n");
    }
    return html.toString();
  }

  private static void row(SourceFile file, Access access, String root, StringBuilder html) {
    String method = access.method();
    if (PLAIN.contains(method)) {
      return;
    }
    int line = file.lineOf(access.at());
    Decl from = access.from();
    html.append("<tr><td><a href=\"").append(root).append("src/").append(file.page());
    html.append("#L").append(line).append("\">");
    html.append(Html.escape(from == null ? file.simpleName() : from.shown()));
    html.append("</a></td><td><code>").append(method).append("</code></td><td><code>");
    html.append(C.getOrDefault(method, "")).append("</code></td><td>");
    html.append(Html.escape(comment(file, line))).append("</td></tr>\n");
  }

  /** The comment at the end of the line, or else the comment lines above it. */
  private static String comment(SourceFile file, int line) {
    String own = afterSlashes(file.line(line));
    for (int next = line + 1; own.isEmpty() && next < line + 3 && next <= file.lines(); next++) {
      own = file.line(next).contains(PAIRS) ? afterSlashes(file.line(next)) : "";
    }
    if (!own.isEmpty()) {
      return own;
    }
    StringBuilder above = new StringBuilder();
    for (int at = line - 1; at > 0 && at > line - 5; at--) {
      String text = file.line(at).strip();
      if (!text.startsWith("//")) {
        if (above.isEmpty() && !text.endsWith(";") && !text.endsWith("{") && !text.endsWith("}")) {
          continue; // the statement began on an earlier line
        }
        break;
      }
      above.insert(0, afterSlashes(text) + " ");
    }
    return above.toString().strip().toLowerCase(Locale.ROOT).startsWith("spdx")
        ? ""
        : above.toString().strip();
  }

  private static String afterSlashes(String line) {
    int at = line.indexOf("//");
    return at < 0 ? "" : line.substring(at + 2).strip();
  }
}
