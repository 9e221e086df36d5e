// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.iomap.InodeDioWait;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/** The operations at a change of state, for each type of glock. */
@LinuxSource(file = "fs/gfs2/glops.c", name = "gfs2_glops_list")
final class Gfs2Glops {
  private final Gfs2GlockOperations inode = new InodeGlops();
  private final Gfs2GlockOperations rgrp = new RgrpGlops();

  Gfs2GlockOperations of(Gfs2LockName.Type type) {
    return switch (type) {
      case INODE -> inode;
      case RGRP -> rgrp;
    };
  }

  @LinuxSource(file = "fs/gfs2/glops.c", name = "gfs2_inode_glops")
  private static final class InodeGlops implements Gfs2GlockOperations {
    /**
     * Waits for direct I/O, and polls for it: the submitter may be the same task, which now reads
     * through the page cache. (In C that task deadlocks.) Dirty pages are written back. Before the
     * glock becomes unlocked, the inode's times are written.
     */
    @Override
    @LinuxSource(file = "fs/gfs2/glops.c", name = "inode_go_sync")
    public void goSync(Task current, Gfs2Glock gl, int target) {
      Gfs2Inode ip = gl.object();
      if (ip == null || !ip.isType(StatMode.S_IFREG)) {
        return;
      }
      int waited = InodeDioWait.awaitNone(current, ip, ip.sdp().bdev(), false);
      assert waited == 0 : "interrupted, and was not to be";
      ip.mapping().writeBack(current, 0, Long.MAX_VALUE); // an error is kept for fsync
      if (target == LmState.UNLOCKED) {
        ip.writeTimes(current); // sync retries a failed write; fsync reports it
      }
    }

    @Override
    @LinuxSource(file = "fs/gfs2/glops.c", name = "inode_go_inval")
    public void goInval(Gfs2Glock gl, boolean metadata) {
      Gfs2Inode ip = gl.object();
      if (metadata) {
        gl.bufs().invalidate();
        if (ip != null) {
          ip.invalidate();
        }
      }
      if (ip != null && ip.isType(StatMode.S_IFREG)) {
        ip.mapping().invalidateAll();
      }
    }

    @Override
    @LinuxSource(file = "fs/gfs2/glops.c", name = "inode_go_lock")
    public int goLock(Task current, Gfs2Glock gl) {
      Gfs2Inode ip = gl.object();
      if (ip == null) {
        return 0;
      }
      try {
        ip.refresh(current);
        return 0;
      } catch (ErrnoException e) {
        return -e.errno();
      }
    }
  }

  @LinuxSource(file = "fs/gfs2/glops.c", name = "gfs2_rgrp_glops")
  private static final class RgrpGlops implements Gfs2GlockOperations {
    @Override
    @LinuxSource(file = "fs/gfs2/glops.c", name = "rgrp_go_inval")
    public void goInval(Gfs2Glock gl, boolean metadata) {
      gl.bufs().invalidate();
    }
  }
}
