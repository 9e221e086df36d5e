// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.BlkTypes;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.sched.Task;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A lock module and glock operations that record their calls and return what the test sets. */
final class FakeLm implements LmLockops, Gfs2GlockOperations {
  /** Handles a request; see {@link LmLockops#lock}. */
  interface Answer {
    int lock(int state, int target, int flags);
  }

  /** Of a disk that nothing reads. */
  private final BufCache cache =
      new BufCache(new RamDisk(BlkTypes.SECTOR_SIZE).disk("ram0", 1, false), 0, Gfs2Error.DAMAGE);

  final List<String> events = Collections.synchronizedList(new ArrayList<>());
  volatile @Nullable Answer answer;
  volatile int goLock;

  Gfs2Glock glock(Gfs2LockName.Type type, long number) {
    return new Gfs2Glock(new Gfs2LockName(type, number), this, this, cache.newSpace());
  }

  List<String> takeEvents() {
    List<String> taken = List.copyOf(events);
    events.clear();
    return taken;
  }

  @Override
  public String protoName() {
    return "lock_fake";
  }

  @Override
  public int lock(Task current, Gfs2LockName name, int state, int target, int flags) {
    events.add(
        "lock "
            + LmState.name(state)
            + " "
            + LmState.name(target)
            + (flags == 0 ? "" : " " + flags));
    Answer now = answer;
    return now == null ? target : now.lock(state, target, flags);
  }

  @Override
  public void putLock(Gfs2LockName name) {
    events.add("put " + name.number());
  }

  @Override
  public void goSync(Task current, Gfs2Glock gl, int target) {
    events.add("sync");
  }

  @Override
  public void goInval(Gfs2Glock gl, boolean metadata) {
    events.add(metadata ? "inval all" : "inval data");
  }

  @Override
  public int goLock(Task current, Gfs2Glock gl) {
    return goLock;
  }
}
