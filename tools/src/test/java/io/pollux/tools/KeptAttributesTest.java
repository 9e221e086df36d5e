// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.tools.host.HostFiles;
import io.pollux.tools.host.HostNode;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.FileStatus.Time;
import io.pollux.userland.PathName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Attributes that an image may hold and a machine may refuse. */
@Timeout(10)
class KeptAttributesTest {
  private static final int NOBODY_AT_ALL = -1; // chown(2) takes it for: leave it

  private final Path file;
  private final List<String> lost = new ArrayList<>();

  KeptAttributesTest(@TempDir Path dir) throws IOException {
    file = Files.createFile(dir.resolve("copy"));
  }

  private FileStatus give(int mode, int uid, int gid, Time time) throws IOException {
    FileStatus from =
        new FileStatus(0, 0, 1, StatMode.S_IFREG | mode, uid, gid, 0, 0, 4096, 0, time, time, time);
    try (HostFiles machine = new HostFiles()) {
      HostNode node = machine.workingDirectory().node(PathName.of(file.toString()));
      new KeptAttributes(machine.isRoot(), lost::add, lost::add).give(node, from);
      return node.status();
    }
  }

  private FileStatus now() throws IOException {
    try (HostFiles machine = new HostFiles()) {
      return machine.workingDirectory().node(PathName.of(file.toString())).status();
    }
  }

  @Test
  void rightsOfAnotherOwnerAreNotGranted() throws IOException {
    FileStatus set = give(06755, NOBODY_AT_ALL, NOBODY_AT_ALL, new Time(1, 2));
    assertThat(set.mode()).isEqualTo(StatMode.S_IFREG | 0755);
    assertThat(lost)
        .containsExactly(
            "its mode 6755 is not kept, it is 0755, as its owner or group is another one here");
    assertThat(set.mtime()).isEqualTo(new Time(1, 2));
  }

  @Test
  void everyBitIsKeptWithTheOwner() throws IOException {
    FileStatus mine = now();
    assertThat(give(07777, mine.uid(), mine.gid(), new Time(-5, 999_999_999)).mode())
        .isEqualTo(StatMode.S_IFREG | 07777);
    assertThat(give(0, mine.uid(), mine.gid(), new Time(-5, 0)).mode()).isEqualTo(StatMode.S_IFREG);
    assertThat(lost).isEmpty();
  }

  /** 0x3fffffff would be: now. */
  @Test
  void timesThatAreNoneAreNotTakenForOrders() throws IOException {
    FileStatus mine = now();
    FileStatus set = give(0644, mine.uid(), mine.gid(), new Time(7, 0x3fffffff));
    assertThat(set.mtime()).isEqualTo(mine.mtime());
    assertThat(lost).containsExactly("its times are not kept: they are none");
  }
}
