// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * A place in the tree that a path led to: the counterpart of struct dentry, made for one walk and kept by
 * the file that it opened.
 *
 * @param parent the directory, or null at the root of all
 * @param name the name there
 * @param inode what is there
 */
@LinuxSource(file = "include/linux/dcache.h", name = "dentry")
public record Dentry(@Nullable Dentry parent, String name, Inode inode) {}
