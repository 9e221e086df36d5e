// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Sizes;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The columns of ls -l before the name, each as wide as its widest entry. */
final class LongListing {
  private static final int COLUMNS = 6;
  private static final int LEFT_ALIGNED = 1; // only the mode

  private final boolean human;
  private final List<String[]> rows = new ArrayList<>();
  private final List<@Nullable PathName> links = new ArrayList<>();
  private final int[] widths = new int[COLUMNS];

  LongListing(boolean human) {
    this.human = human;
  }

  void add(FileStatus status, @Nullable PathName link) {
    String[] row = {
      FileModes.show(status.mode()),
      Long.toString(status.nlink()),
      Integer.toUnsignedString(status.uid()),
      Integer.toUnsignedString(status.gid()),
      size(status),
      Times.minutes(status.mtime())
    };
    for (int i = 0; i < COLUMNS; i++) {
      widths[i] = Math.max(widths[i], row[i].length());
    }
    rows.add(row);
    links.add(link);
  }

  private String size(FileStatus status) {
    if (status.is(StatMode.S_IFBLK) || status.is(StatMode.S_IFCHR)) {
      return FileModes.device(status.rdev());
    }
    return human ? Sizes.show(status.size()) : Long.toUnsignedString(status.size());
  }

  String columns(int index) {
    StringBuilder line = new StringBuilder();
    String[] row = rows.get(index);
    for (int i = 0; i < COLUMNS; i++) {
      String blanks = " ".repeat(widths[i] - row[i].length());
      line.append(i < LEFT_ALIGNED ? row[i] + blanks : blanks + row[i]).append(' ');
    }
    return line.toString();
  }

  @Nullable PathName link(int index) {
    return links.get(index);
  }
}
