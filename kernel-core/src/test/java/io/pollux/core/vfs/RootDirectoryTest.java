// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A root directory with two names, and a filesystem that records its syncs. */
@Timeout(60)
class RootDirectoryTest {
  private static final String[] NAMES = {"a", "b"};

  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final Fs fs = new Fs();

  private static final class Fs extends SuperBlock {
    final Directory root = new Directory(this);
    int syncs;

    Fs() {
      super(1, false);
    }

    @Override
    public Inode root() {
      return root;
    }

    @Override
    public int sync(Task current) {
      syncs++;
      return -Errno.ENOSPC;
    }

    @Override
    protected void statfs(Task current, long statfs) {}

    @Override
    public void unmount(Task current) {}
  }

  private static final class Directory extends RootDirectory {
    Directory(Fs fs) {
      super(fs, 0750);
    }

    @Override
    protected void list(DirContext context) {
      assertThat(context.pos()).isGreaterThanOrEqualTo(DirContext.AFTER_DOTS);
      for (int i = (int) context.pos() - 2; i < NAMES.length; i++) {
        byte[] name = NAMES[i].getBytes(StandardCharsets.ISO_8859_1);
        if (!context.emit(name, i + 2, StatMode.DT_REG, i + 3)) {
          return;
        }
      }
    }
  }

  /** Takes a number of entries. */
  private static final class Listing extends DirContext {
    final List<String> taken = new ArrayList<>();
    private final int most;

    Listing(long pos, int most) {
      super(pos);
      this.most = most;
    }

    @Override
    protected boolean actor(byte[] name, long ino, int type, long next) {
      if (taken.size() == most) {
        return false;
      }
      taken.add(new String(name, StandardCharsets.ISO_8859_1) + " " + ino + " " + type);
      return true;
    }
  }

  @AfterEach
  void exit() {
    process.exit();
  }

  private List<String> list(int atOnce) {
    List<String> all = new ArrayList<>();
    long pos = 0;
    for (int calls = 0; calls < 5; calls++) {
      Listing listing = new Listing(pos, atOnce);
      File file = new File(new FileTable(), fs.root, null, 0);
      assertThat(fs.root.iterateShared(task, file, listing)).isZero();
      file.fput(task);
      all.addAll(listing.taken);
      pos = listing.pos();
    }
    return all;
  }

  @Test
  void aListingBeginsWithTheDotsAndContinuesWhereItStopped() {
    for (int atOnce : new int[] {1, 2, 3, 4, 9}) {
      assertThat(list(atOnce)).containsExactly(". 1 4", ".. 1 4", "a 2 8", "b 3 8");
    }
  }

  @Test
  void aRoomlessListingTakesNothing() {
    Listing none = new Listing(0, 0);
    assertThat(none.emitDots(5, 6)).isFalse();
    assertThat(none.pos()).isZero();
    Listing one = new Listing(0, 1);
    assertThat(one.emitDots(5, 6)).isFalse();
    assertThat(one.pos()).isOne();
    assertThat(one.taken).containsExactly(". 5 4");
  }

  @Test
  void anFsyncSyncsTheFilesystem() {
    File file = new File(new FileTable(), fs.root, null, 0);
    assertThat(fs.root.fop().hasFsync()).isTrue();
    assertThat(fs.root.fop().fsync(task, file, 0, Long.MAX_VALUE, false)).isEqualTo(-Errno.ENOSPC);
    assertThat(fs.syncs).isOne();
    file.fput(task);
  }

  @Test
  void itHasTheBlockSizeOfTheFilesystem() throws ErrnoException {
    long stat = HostMemory.map(HostMemory.PAGE_SIZE);
    fs.root.fillStat(task, stat);
    assertThat(Stat.stBlksize(stat)).isEqualTo(4096);
    HostMemory.unmap(stat, HostMemory.PAGE_SIZE);
  }

  @Test
  void itIsAnEmptyDirectoryOfRoot() {
    assertThat(fs.root.mode()).isEqualTo(StatMode.S_IFDIR | 0750);
    assertThat(fs.root.ino()).isEqualTo(RootDirectory.INO);
    assertThat(fs.root.size()).isZero();
    assertThat(fs.root.nlink()).isEqualTo(2);
    assertThat(fs.root.uid()).isZero();
  }
}
