// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Patch;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
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
  void aFileLivesAsLongAsAReferenceToIt() {
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

  @Test
  void aDuplicateIsTheSameFileUnderTheLowestNumberThatWillDo() {
    int fd = files.install(open());
    assertThat(files.dup(fd, 0)).isEqualTo(4);
    assertThat(files.dup(fd, 100)).isEqualTo(100);
    assertThat(table.nrFiles()).isEqualTo(1);
    File file = Objects.requireNonNull(files.fget(100));
    assertThat(files.fget(4)).isSameAs(file);
    file.fputMany(2);
    assertThat(files.close(fd)).isZero();
    assertThat(files.close(4)).isZero();
    assertThat(table.nrFiles()).isEqualTo(1);
    assertThat(files.close(100)).isZero();
    assertThat(table.nrFiles()).isZero();
    assertThat(files.dup(fd, 0)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void aDuplicateHasToHaveANumberThatCanBe() {
    int fd = files.install(open());
    assertThat(files.dup(fd, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(files.dup(fd, FilesStruct.NR_OPEN)).isEqualTo(-Errno.EINVAL);
    assertThat(files.dup3(task, fd, -1)).isEqualTo(-Errno.EBADF);
    assertThat(files.dup3(task, fd, FilesStruct.NR_OPEN)).isEqualTo(-Errno.EBADF);
    assertThat(files.dup3(task, 77, 5)).isEqualTo(-Errno.EBADF);
    files.closeAll(task);
    assertThat(table.nrFiles()).isZero();
  }

  @Test
  void aCopyForAChildHasTheSameFilesUnderTheSameNumbers() {
    int one = files.install(open());
    int two = files.dup(one, 100);
    FilesStruct child = files.copy(new Reserved());
    assertThat(child.has(one) && child.has(two)).isTrue();
    assertThat(table.nrFiles()).isEqualTo(1);
    files.closeAll(task);
    assertThat(table.nrFiles()).as("the child still has it").isEqualTo(1);
    assertThat(child.close(task, one)).isZero();
    assertThat(child.has(one)).isFalse();
    assertThat(child.has(two)).isTrue();
    child.closeAll(task);
    assertThat(table.nrFiles()).isZero();
  }

  @Test
  void aCopyForAChildHasTheUmaskAndTheDirectory() {
    files.fs().setUmask(027);
    FilesStruct child = files.copy(new Reserved());
    assertThat(child.fs().umask()).isEqualTo(027);
    assertThat(child.hasPwd()).isFalse();
    File directory = open();
    files.fs().setPwd(task, directory);
    FilesStruct other = files.copy(new Reserved());
    assertThat(other.hasPwd()).isTrue();
    files.closeAll(task);
    assertThat(table.nrFiles()).isEqualTo(1);
    other.closeAll(task);
    child.closeAll(task);
    assertThat(table.nrFiles()).isZero();
  }

  /** Numbers of a child, which are all reserved. */
  private static final class Reserved implements MachineFiles {
    @Override
    public int reserve(int from) {
      return -Errno.EMFILE;
    }

    @Override
    public int reserveAt(int fd) {
      return fd;
    }

    @Override
    public void free(int fd) {}

    @Override
    public int getFd(int fd) {
      return 0;
    }

    @Override
    public void setFd(int fd, int flags) {}

    @Override
    public int pid() {
      return 1;
    }

    @Override
    public @Nullable File fget(int fd) {
      return null;
    }
  }

  @Test
  void whatHadTheNumberIsClosed() {
    int one = files.install(open());
    int other = files.install(open());
    assertThat(files.dup3(task, one, other)).isEqualTo(other);
    assertThat(table.nrFiles()).isEqualTo(1);
    assertThat(files.install(open())).as("the number is taken").isEqualTo(5);
    files.closeAll(task);
    assertThat(table.nrFiles()).isZero();
  }

  /** A machine that has the numbers 10 and 12 in use. */
  private static final class FakeMachine implements MachineFiles {
    private final TreeSet<Integer> taken = new TreeSet<>(Set.of(10, 12));
    private final Set<Integer> marked = new TreeSet<>();
    private final @Nullable File foreign;

    FakeMachine(@Nullable File foreign) {
      this.foreign = foreign;
    }

    @Override
    public int reserve(int from) {
      int fd = Math.max(from, 10);
      while (!taken.add(fd)) {
        fd++;
      }
      return fd;
    }

    @Override
    public int reserveAt(int fd) {
      taken.add(fd);
      return fd;
    }

    @Override
    public void free(int fd) {
      taken.remove(fd);
    }

    @Override
    public int getFd(int fd) {
      return marked.contains(fd) ? Fcntl.FD_CLOEXEC : 0;
    }

    @Override
    public void setFd(int fd, int flags) {
      if (flags == 0) {
        marked.remove(fd);
      } else {
        marked.add(fd);
      }
    }

    @Override
    public int pid() {
      return 4242;
    }

    @Override
    public @Nullable File fget(int fd) {
      return foreign != null && fd == 12 && foreign.getMany(1) ? foreign : null;
    }
  }

  @Test
  void numbersAreTheMachines() {
    FakeMachine machine = new FakeMachine(null);
    FilesStruct shared = new FilesStruct(machine, 16);
    assertThat(shared.install(open())).isEqualTo(11);
    assertThat(shared.install(open())).isEqualTo(13);
    assertThat(shared.close(11)).isZero();
    assertThat(machine.taken).containsExactly(10, 12, 13);
    assertThat(shared.dup3(task, 13, 10)).isEqualTo(10);
    shared.closeAll(task);
    assertThat(machine.taken).containsExactly(12);
    assertThat(table.nrFiles()).isZero();
  }

  @Test
  void aNumberBehindTheTablesEndIsGivenBack() {
    FakeMachine machine = new FakeMachine(null);
    FilesStruct shared = new FilesStruct(machine, 11);
    File file = open();
    assertThat(shared.install(file)).isEqualTo(-Errno.EMFILE);
    assertThat(machine.taken).containsExactly(10, 12);
    file.fput();
  }

  @Test
  void whatIsNotHereIsTheMachines() {
    File foreign = open();
    FilesStruct shared = new FilesStruct(new FakeMachine(foreign), 16);
    assertThat(shared.fget(10)).isNull();
    assertThat(shared.fgetMany(12, 3)).isSameAs(foreign);
    foreign.fputMany(3);
    assertThat(table.nrFiles()).isEqualTo(1);
    foreign.fput();
    assertThat(table.nrFiles()).isZero();
  }
}
