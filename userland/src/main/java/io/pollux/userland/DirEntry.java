// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

/**
 * One entry of a directory.
 *
 * @param name the name
 * @param ino inode number
 * @param type DT_* type; may be DT_UNKNOWN
 */
public record DirEntry(PathName name, long ino, int type) {}
