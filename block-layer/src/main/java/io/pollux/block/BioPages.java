// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.UserPages;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** Adds the memory of iterators, and of other bios, to bios. */
final class BioPages {
  private BioPages() {}

  /** Adds the memory of a part of another bio, whose pages stay with that one. */
  static void share(Bio to, Bio from, int offset, int bytes) {
    int skip = offset;
    int left = bytes;
    int count = from.vecs();
    for (int i = 0; i < count && left > 0; i++) {
      int length = from.vecLength(i);
      int step = Math.min(left, length - skip);
      if (step > 0) {
        boolean added = to.add(from.vecAddress(i) + skip, step, null);
        assert added : "a part has no more vecs than the whole";
        left -= step;
      }
      skip = Math.max(0, skip - length);
    }
  }

  @Differs(
      patch = 22,
      kind = Differs.Kind.SIMPLER,
      why =
          "A fixed buffer is one vec, because user addresses are real and its pages are one range."
              + " The posting adds a bio_vec for each page.",
      test = "BioPagesTest#theFixedBuffersPagesAreNotPinnedAgain")
  @Patch(22)
  @LinuxSource(file = "block/bio.c", name = "bio_iov_bvec_add_pages")
  static void iovBvecAddPages(Bio bio, BvecIter iter) {
    long address = iter.address();
    int bytes = (int) Math.min(iter.count(), bio.room(address));
    bio.addMapped(address, bytes, iter.mapping());
    iter.advance(bytes);
  }

  @LinuxSource(file = "block/bio.c", name = "__bio_iov_iter_get_pages")
  static int iovecAddPages(Bio bio, IovecIter iter) {
    AddressSpace mm = iter.mm();
    boolean write = iter.intoMemory();
    do {
      long address = iter.address();
      long want = Math.min(iter.contiguous(), bio.room(address));
      if (want <= 0) {
        break; // full
      }
      long bytes = mm.contiguous(address, want, write);
      UserPages from = bytes == 0 ? null : mm.pin(address, bytes, write);
      if (from == null) {
        bio.releasePages();
        return -Errno.EFAULT;
      }
      boolean added = bio.add(address, (int) bytes, from);
      assert added;
      iter.advance(bytes);
    } while (iter.count() > 0);
    return 0;
  }
}
