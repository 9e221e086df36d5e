// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Patch;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Descriptors and counted references. */
class FilesStructTest {
  private final FileTable table = new FileTable();
  private final Inode directory = new Ramfs(1).root();
  private final FilesStruct files = new FilesStruct();

  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();

  @AfterEach
  void exit() {
    process.exit();
  }

  private File open() {
    return new File(table, directory, null, 0);
  }

  @Test
  void theLowestFreeNumberIsTaken() {
    assertThat(files.install(open())).isEqualTo(3);
    assertThat(files.install(open())).isEqualTo(4);
    assertThat(files.close(3)).isZero();
    assertThat(files.install(open())).isEqualTo(3);
    files.closeAll(task);
    assertThat(table.nrFiles()).isZero();
  }

  @Test
  void badDescriptors() {
    for (int fd : new int[] {-1, 0, 3, 1023, 1024, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      assertThat(files.fget(fd)).isNull();
      assertThat(files.close(fd)).isEqualTo(-Errno.EBADF);
    }
  }

  @Test
  void aFullTableSaysSo() {
    for (int fd = 3; fd < FilesStruct.NR_OPEN; fd++) {
      assertThat(files.install(open())).isEqualTo(fd);
    }
    File one = open();
    assertThat(files.install(one)).isEqualTo(-Errno.EMFILE);
    one.fput();
    files.closeAll(task);
    assertThat(table.nrFiles()).isZero();
  }

  @Patch(17)
  @Test
  void aFileLivesAsLongAsSomebodyHoldsIt() {
    int fd = files.install(open());
    File file = Objects.requireNonNull(files.fgetMany(fd, 5));
    assertThat(files.close(fd)).isZero();
    assertThat(files.fget(fd)).isNull();
    assertThat(table.nrFiles()).isEqualTo(1);
    file.fputMany(4);
    assertThat(table.nrFiles()).isEqualTo(1);
    file.fput();
    assertThat(table.nrFiles()).isZero();
  }
}
