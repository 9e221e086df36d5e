// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints where the extents of files are, and their flags and attributes. The outputs of two kernels are compared line by line.
 *
 *     file-extents DIRECTORY NAME...
 *
 * Exit status: 0, or 2 if it could not run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 4000
#define MAX INT64_MAX

static const char *name;

static void show(const char *what, int result)
{
	printf("%s %s: %d %s\n", name, what, result, result < 0 ? strerrorname_np(errno) : "");
}

static void extents(int fd, struct fiemap *map, uint64_t start, uint64_t length, uint32_t flags, uint32_t count)
{
	memset(map, 0x55, sizeof *map + MOST * sizeof *map->fm_extents);
	*map = (struct fiemap){.fm_start = start, .fm_length = length, .fm_flags = flags, .fm_extent_count = count, .fm_reserved = 7};
	int result = ioctl(fd, FS_IOC_FIEMAP, map);
	printf("%s FIEMAP %#llx %#llx %#x %u: %d %s flags %#x mapped %u\n", name, (unsigned long long)start, (unsigned long long)length,
	       flags, count, result, result < 0 ? strerrorname_np(errno) : "", map->fm_flags, map->fm_mapped_extents);
	if (map->fm_start != start || map->fm_length != length || map->fm_extent_count != count || map->fm_reserved != 7)
		printf("  changes what it must not\n");
	for (uint32_t i = 0; result == 0 && i < map->fm_mapped_extents && i < count; i++) {
		struct fiemap_extent *e = &map->fm_extents[i];
		printf("  %#llx at %#llx length %#llx flags %#x\n", (unsigned long long)e->fe_logical, (unsigned long long)e->fe_physical,
		       (unsigned long long)e->fe_length, e->fe_flags);
		if (e->fe_reserved64[0] | e->fe_reserved64[1] | e->fe_reserved[0] | e->fe_reserved[1] | e->fe_reserved[2])
			printf("  with something in the room that is reserved\n");
	}
}

static void all_extents(int fd, struct fiemap *map)
{
	static const struct {
		uint64_t start, length;
	} ranges[] = {{0, MAX}, {0, ~0ull}, {0, 1}, {4095, 2}, {4096, 4096}, {5000, 20000}, {1, MAX}, {MAX - 1, 1}, {1 << 20, 1 << 20},
		      {(1 << 20) + 100, MAX}, {1ull << 62, 1ull << 62}, {0, 0}, {1ull << 63, 1}, {~0ull, 1}, {77, ~0ull - 76}};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		extents(fd, map, ranges[i].start, ranges[i].length, 0, i == 0 ? MOST : 20);
	for (uint32_t count = 0; count < 4; count++)
		extents(fd, map, 0, MAX, 0, count);
	for (uint32_t flags = 1; flags < 9; flags++)
		extents(fd, map, 0, MAX, flags, 20);
	extents(fd, map, 0, MAX, 0x80000000, 20);
	extents(fd, map, 0, MAX, ~0u, 20);
	extents(fd, map, 0, MAX, 0, UINT32_MAX / sizeof *map->fm_extents + 1);
	extents(fd, map, 0, MAX, 0, ~0u);
	show("FIEMAP wild", ioctl(fd, FS_IOC_FIEMAP, (void *)16));
	show("FIEMAP null", ioctl(fd, FS_IOC_FIEMAP, 0));

	/* Room that ends, and memory that can't be written to. */
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	struct fiemap *end = (struct fiemap *)(pages + 4096 - sizeof *end);
	*end = (struct fiemap){.fm_length = MAX};
	show("FIEMAP at the end", ioctl(fd, FS_IOC_FIEMAP, end));
	end->fm_extent_count = 1;
	show("FIEMAP beyond the end", ioctl(fd, FS_IOC_FIEMAP, end));
	end = (struct fiemap *)(pages + 4096 - sizeof *end - sizeof *end->fm_extents);
	*end = (struct fiemap){.fm_length = MAX, .fm_extent_count = 2};
	show("FIEMAP with room for one", ioctl(fd, FS_IOC_FIEMAP, end));
	mprotect(pages, 4096, PROT_READ);
	show("FIEMAP read-only", ioctl(fd, FS_IOC_FIEMAP, end));
	munmap(pages, 4096);
}

static void attributes(int fd)
{
	int flags[2] = {0x55555555, 0x55555555};
	struct fsxattr attr[2];
	void *wild = (void *)16;

	show("GETFLAGS", ioctl(fd, FS_IOC_GETFLAGS, flags));
	printf("  %#x %#x\n", flags[0], flags[1]);
	show("GETFLAGS wild", ioctl(fd, FS_IOC_GETFLAGS, wild));
	int version[2] = {0x55555555, 0x55555555};
	show("GETVERSION", ioctl(fd, FS_IOC_GETVERSION, version));
	printf("  %#x %#x\n", version[0], version[1]);
	show("GETVERSION wild", ioctl(fd, FS_IOC_GETVERSION, wild));
	memset(attr, 0x55, sizeof attr);
	show("FSGETXATTR", ioctl(fd, FS_IOC_FSGETXATTR, attr));
	struct stat status;
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
		attr->fsx_nextents = 0; /* Linux 6 has a number for directories without extents */
	printf("  xflags %#x extsize %u nextents %u projid %u cowextsize %u", attr->fsx_xflags, attr->fsx_extsize, attr->fsx_nextents,
	       attr->fsx_projid, attr->fsx_cowextsize);
	for (size_t i = 20; i < 32; i++)
		printf(" %02x", ((unsigned char *)attr)[i]);
	printf("\n");
	show("FSGETXATTR wild", ioctl(fd, FS_IOC_FSGETXATTR, wild));
	show("SETFLAGS", ioctl(fd, FS_IOC_SETFLAGS, flags));
	show("SETFLAGS wild", ioctl(fd, FS_IOC_SETFLAGS, wild));
	show("FSSETXATTR", ioctl(fd, FS_IOC_FSSETXATTR, attr));
	show("FSSETXATTR wild", ioctl(fd, FS_IOC_FSSETXATTR, wild));
	show("SETVERSION", ioctl(fd, _IOW('v', 2, long), version));
}

int main(int argc, char **argv)
{
	struct fiemap *map = malloc(sizeof *map + MOST * sizeof *map->fm_extents);

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (argc < 3 || map == NULL)
		return 2;
	for (int i = 2; i < argc; i++) {
		char path[4096];
		name = argv[i];
		snprintf(path, sizeof path, "%s/%s", argv[1], name);
		int fd = open(path, O_RDONLY | O_NOFOLLOW);
		if (fd < 0) {
			show("open", fd);
			continue;
		}
		all_extents(fd, map);
		attributes(fd);
		close(fd);
	}
	return fflush(stdout) == 0 ? 0 : 2;
}
