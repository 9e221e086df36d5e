// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.text;

import io.pollux.companion.source.Faults;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A note in the margin of a source. A file of notes has one heading of the first level for each:
 * the key of a declaration, and after an at sign a fragment of the line that the note is beside.
 *
 * <pre>
 * # IopollList#reap @ sink.commit()
 * The tail is published once for the batch.
 * </pre>
 */
public final class NoteText {
  private final String where;
  private final String key;
  private final String fragment;
  private final Text text;

  private NoteText(String where, String key, String fragment, Text text) {
    this.where = where;
    this.key = key;
    this.fragment = fragment;
    this.text = text;
  }

  /** Reads the notes of a file. */
  public static List<NoteText> read(Path root, Path path) throws IOException {
    List<NoteText> notes = new ArrayList<>();
    String name = root.relativize(path).toString();
    List<String> lines = Files.readAllLines(path);
    int from = -1;
    for (int i = 0; i <= lines.size(); i++) {
      if (i < lines.size() && !lines.get(i).startsWith("# ")) {
        continue;
      }
      if (from >= 0) {
        notes.add(of(name, from + 1, lines.subList(from, i)));
      }
      from = i;
    }
    return notes;
  }

  private static NoteText of(String name, int line, List<String> lines) {
    String heading = lines.getFirst().substring(2);
    int at = heading.indexOf(" @ ");
    String where = name + ":" + line;
    return new NoteText(
        where,
        (at < 0 ? heading : heading.substring(0, at)).strip(),
        at < 0 ? "" : heading.substring(at + 3).strip(),
        Text.of(where, String.join("\n", lines.subList(1, lines.size()))));
  }

  /** The file and line, for messages. */
  public String where() {
    return where;
  }

  /** The declaration. */
  public String key() {
    return key;
  }

  /** The text of the line beside which the note stands; empty for the declaration's line. */
  public String fragment() {
    return fragment;
  }

  /** The note as HTML, for a page in {@code src/}. */
  public String html(Targets targets, Faults faults) {
    return text.html(targets, "../", faults);
  }
}
