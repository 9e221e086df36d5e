// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Access;
import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.Ref;
import io.pollux.companion.source.SourceFile;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.Html;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Each release with its acquire. A row is {@code what | releases | acquires | Linux}; places are
 * separated by semicolons. A place has one of these forms:
 *
 * <ul>
 *   <li>{@code Class#method mode FIELD}: an access through the VarHandle FIELD, or a fence if FIELD
 *       is VarHandle;
 *   <li>{@code Class#method of Class#member}: a use of a volatile field, of an atomic, or of the
 *       accessor of a ring;
 *   <li>{@code - text}: a place outside these sources.
 * </ul>
 *
 * <p>A line {@code all MODULE} requires a row for each release, acquire and fence of the module. A
 * place that the sources do not have is a fault, and so is an access without a row.
 */
final class PairMap {
  private static final String NAME = "the map of pairs";
  private static final int FIELDS = 4;
  private static final Pattern ORDERED = Pattern.compile(".*(Release|Acquire|Fence)");
  private static final Pattern ACCESS = Pattern.compile("(\\S+#\\S+) (\\w+) (\\w+)");
  private static final Pattern USE = Pattern.compile("(\\S+#\\S+) of (\\S+#\\S+)");
  private static final String FENCES = "VarHandle";

  /** An access in a file; the offset is unique there. */
  private record Place(SourceFile file, int at) {}

  private final SourceTree tree;
  private final Faults faults;
  private final String root;
  private final Set<Place> listed = new HashSet<>();

  PairMap(SourceTree tree, Faults faults, String root) {
    this.tree = tree;
    this.faults = faults;
    this.root = root;
  }

  String html(String body) {
    List<String> complete = new ArrayList<>();
    StringBuilder html = new StringBuilder("<div class=table><table class=pairs><thead><tr>");
    html.append("<th>what is published</th><th>release</th><th>acquire</th><th>Linux</th>");
    html.append("</tr></thead><tbody>\n");
    for (String line : body.lines().map(String::strip).filter(each -> !each.isEmpty()).toList()) {
      if (line.startsWith("all ")) {
        complete.add(line.substring("all ".length()));
        continue;
      }
      List<String> fields = List.of(line.split("\\|", -1)).stream().map(String::strip).toList();
      if (fields.size() != FIELDS) {
        faults.add(NAME, "not four fields: " + line);
        continue;
      }
      Set<String> handles = new HashSet<>();
      html.append("<tr><td>").append(Html.escape(fields.get(0))).append("</td><td>");
      places(fields.get(1), true, handles, html);
      html.append("</td><td>");
      places(fields.get(2), false, handles, html);
      html.append("</td><td>").append(linux(fields.get(3))).append("</td></tr>\n");
      if (handles.size() > 1) {
        faults.add(NAME, "different fields in a row: " + fields.get(0));
      }
    }
    complete.forEach(this::checkAll);
    return html.append("</tbody></table></div>\n").toString();
  }

  /** Words between backquotes are C. */
  private static String linux(String text) {
    return Html.escape(text).replaceAll("`([^`]*)`", "<code>$1</code>");
  }

  private void places(String given, boolean release, Set<String> handles, StringBuilder html) {
    String comma = "";
    for (String place : given.split(";", -1)) {
      html.append(comma);
      place(place.strip(), release, handles, html);
      comma = "<br>";
    }
  }

  private void place(String place, boolean release, Set<String> handles, StringBuilder html) {
    Matcher access = ACCESS.matcher(place);
    Matcher use = USE.matcher(place);
    if (place.startsWith("- ")) {
      html.append(Html.escape(place.substring(2)));
    } else if (use.matches()) {
      use(use.group(1), use.group(2), html);
    } else if (access.matches()) {
      String mode = access.group(2);
      if (mode.endsWith(release ? "Acquire" : "Release")) {
        faults.add(NAME, place + " is on the wrong side");
      }
      access(access.group(1), mode, access.group(3), html);
      if (!access.group(3).equals(FENCES)) {
        handles.add(access.group(1).replaceFirst("#.*", "#") + access.group(3));
      }
    } else {
      faults.add(NAME, "no place: " + place);
    }
  }

  private void access(String name, String mode, String handle, StringBuilder html) {
    int first = -1;
    Decl in = null;
    for (Decl decl : named(name)) {
      for (Access access : decl.file().accesses()) {
        if (decl.contains(access.at())
            && access.method().equals(mode)
            && receiver(decl.file(), access).equals(handle)) {
          listed.add(new Place(decl.file(), access.at()));
          if (in == null) {
            in = decl;
            first = access.at();
          }
        }
      }
    }
    if (in == null) {
      faults.add(NAME, name + " has no " + mode + " of " + handle);
      return;
    }
    link(in, in.file().lineOf(first), html);
    html.append(" <code>").append(mode).append("</code>");
  }

  private void use(String name, String of, StringBuilder html) {
    for (Decl decl : named(name)) {
      for (Ref ref : decl.file().refs()) {
        Decl to = ref.to();
        if (to != null && decl.contains(ref.at()) && to.toString().equals(of)) {
          link(decl, ref.line(), html);
          html.append(" <code>").append(Html.escape(of.replaceFirst(".*#", "")));
          html.append("</code>");
          return;
        }
      }
    }
    faults.add(NAME, name + " does not use " + of);
  }

  private List<Decl> named(String name) {
    return tree.decls()
        .filter(decl -> !decl.file().test() && decl.toString().equals(name))
        .toList();
  }

  private void link(Decl decl, int line, StringBuilder html) {
    html.append("<a href=\"").append(root).append("src/").append(decl.file().page());
    html.append("#L").append(line).append("\">");
    html.append(Html.escape(decl.shown()).replace(".", ".<wbr>")).append("</a>");
  }

  private void checkAll(String module) {
    if (!tree.modules().contains(module)) {
      faults.add(NAME, "there is no module " + module);
    }
    for (SourceFile file : tree.files()) {
      if (!file.module().equals(module) || file.test()) {
        continue;
      }
      for (Access access : file.accesses()) {
        if (ORDERED.matcher(access.method()).matches()
            && !listed.contains(new Place(file, access.at()))) {
          Decl from = access.from();
          String where = from == null ? file.simpleName() : from.toString();
          faults.add(
              NAME,
              "no row has "
                  + where
                  + " "
                  + access.method()
                  + " "
                  + receiver(file, access)
                  + ", line "
                  + file.lineOf(access.at()));
        }
      }
    }
  }

  /** The name before the dot of an access. */
  private static String receiver(SourceFile file, Access access) {
    String text = file.text();
    int end = access.at() - 1;
    while (end > 0 && !Character.isJavaIdentifierPart(text.charAt(end - 1))) {
      end--; // the dot, and a line break before it
    }
    int start = end;
    while (start > 0 && Character.isJavaIdentifierPart(text.charAt(start - 1))) {
      start--;
    }
    return text.substring(start, end);
  }
}
