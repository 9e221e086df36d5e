// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import java.util.List;

/**
 * An intent that the log has without its done item.
 *
 * @param type XFS_LI_EFI, XFS_LI_RUI, XFS_LI_CUI or XFS_LI_BUI
 * @param id its number
 * @param extents the extents that the operation still has to change
 */
public record XlogIntent(int type, long id, List<Extent> extents) {
  /**
   * An extent of an intent.
   *
   * @param owner the owner, for RUI and BUI
   * @param start its first block
   * @param offset its first block in the file, for RUI and BUI
   * @param length blocks
   * @param flags the kind of change, except for EFI
   */
  public record Extent(long owner, long start, long offset, long length, int flags) {}
}
