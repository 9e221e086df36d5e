// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.Debug;
import io.pollux.core.fixture.ArrayIo;
import io.pollux.core.fixture.FakeInode;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Fcntl;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A PageIo runs with its pages locked, so it takes no lock that comes before them. */
@Timeout(60)
class PageLockOrderTest {
  private static final int PAGES = 4;

  private final ArrayIo io = new ArrayIo(PAGES << 12);
  private final PageCache cache = new PageCache(PAGES << 12);
  private final Mapping mapping = new Mapping(cache, io);
  private final Inode inode = FakeInode.open(new FileTable(), mapping, Fcntl.O_RDONLY).inode();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();

  @BeforeEach
  void enter() {
    assumeTrue(Debug.ON, "locks are checked only with -Dpollux.debug=true");
    assertThat(current.enterKernel()).isTrue();
  }

  @AfterEach
  void close() {
    cache.drop();
    if (Debug.ON) {
      current.leaveKernel();
    }
    process.exit();
  }

  private void read() {
    assertThat(mapping.bringIn(current, 0, 2, false)).isZero();
  }

  @Test
  void theInodesLockUnderAPageLockIsReported() {
    io.duringRead = () -> inode.iRwsem.downRead(current);
    assertThatThrownBy(this::read)
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("waits for an inode's iRwsem", "while it holds a page's lock");
    assertThat(inode.iRwsem.isLocked()).isFalse();
  }

  @Test
  void aWaitForALockedPageUnderAPageLockIsReported() {
    io.duringRead = this::read; // the pages are locked already, by this task
    assertThatThrownBy(this::read)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("two locks of one class have no order");
  }

  @Test
  void theInodesLockBeforeThePagesIsAccepted() {
    int before = LockOrder.violations().size();
    inode.iRwsem.downRead(current);
    read();
    inode.iRwsem.upRead();
    inode.iRwsem.downWrite(current);
    inode.iRwsem.upWrite();
    assertThat(LockOrder.violations()).hasSize(before);
  }
}
