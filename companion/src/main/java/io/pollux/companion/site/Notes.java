// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Decl;
import io.pollux.companion.source.Faults;
import io.pollux.companion.source.SourceFile;
import io.pollux.companion.source.SourceTree;
import io.pollux.companion.text.NoteText;
import io.pollux.companion.text.Targets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The notes in the margins of the sources, by file and line. */
final class Notes {
  private final Map<SourceFile, Map<Integer, List<String>>> notes = new HashMap<>();
  private int count;

  Notes(SourceTree tree, List<NoteText> texts, Targets targets, Faults faults) {
    for (NoteText text : texts) {
      Decl decl = tree.find(text.key());
      if (decl == null) {
        faults.add(text.where(), text.key() + " does not exist");
        continue;
      }
      int line = decl.line();
      if (!text.fragment().isEmpty()) {
        int at = decl.file().text().indexOf(text.fragment(), decl.start());
        if (at < 0 || at >= decl.end()) {
          faults.add(text.where(), text.key() + " has no \"" + text.fragment() + "\"");
          continue;
        }
        line = decl.file().lineOf(at);
      }
      count++;
      notes
          .computeIfAbsent(decl.file(), file -> new HashMap<>())
          .computeIfAbsent(line, l -> new ArrayList<>())
          .add(
              "<aside class=note id=note:" + count + ">" + text.html(targets, faults) + "</aside>");
    }
  }

  /** The notes beside a line. */
  List<String> at(SourceFile file, int line) {
    return notes.getOrDefault(file, Map.of()).getOrDefault(line, List.of());
  }

  int count() {
    return count;
  }
}
