// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.UserPages;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * User memory that a context pins for its lifetime. User addresses are host addresses, so the
 * kernel uses the program's address.
 */
@Patch(14)
@LinuxSource(file = "fs/aio.c", name = "aio_mapped_range")
final class MappedRange {
  /** The part of a range in one mapping. */
  private record Piece(UserPages pages, long address, long bytes) {}

  private final long address;
  private final List<Piece> pieces;

  private MappedRange(long address, List<Piece> pieces) {
    this.address = address;
    this.pieces = pieces;
  }

  /**
   * Pins a whole range for writing. From process context.
   *
   * @return the range, or null if a part of it is not mapped for writing
   */
  @Differs(
      patch = 14,
      kind = Differs.Kind.OURS,
      why =
          "User-mapped iocbs are pinned for writing, as rings and buffers are: read-only memory is"
              + " ENOMEM. The posting pins iocbs for reading.",
      test = "SubmitDifferencesTest#userMappedIocbsInReadOnlyMemoryAreRefused")
  @LinuxSource(file = "fs/aio.c", name = "aio_map_range")
  static @Nullable MappedRange map(AddressSpace mm, long address, long bytes) {
    if (!AddressSpace.isUserRange(address, bytes)) {
      return null;
    }
    MappedRange range = new MappedRange(address, new ArrayList<>(1));
    long done = 0;
    try {
      while (done < bytes) { // bounded by the number of mappings
        long at = address + done;
        long piece = mm.contiguous(at, bytes - done, true);
        UserPages pages = piece == 0 ? null : mm.pin(at, piece, true);
        if (pages == null) {
          break;
        }
        range.pieces.add(new Piece(pages, at, piece));
        done += piece;
      }
    } finally {
      if (done < bytes) {
        range.unmap();
      }
    }
    return done < bytes ? null : range;
  }

  /** Unpins the pages. */
  @LinuxSource(file = "fs/aio.c", name = "aio_unmap_range")
  void unmap() {
    Teardown teardown = new Teardown();
    for (Piece piece : pieces) {
      teardown.step(() -> piece.pages.unpin(piece.address, piece.bytes));
    }
    pieces.clear();
    teardown.end();
  }

  long address() {
    return address;
  }

  static boolean aligned(long address) {
    return (address & (HostMemory.PAGE_SIZE - 1)) == 0;
  }
}
