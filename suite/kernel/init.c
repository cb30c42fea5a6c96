/*
 * The first process of the test machine: mounts what the programs need, gives the program that the kernel's command line
 * names after "--" the virtio port as its standard input and output, and switches the machine off when it has ended.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

static void mounted(const char *type, const char *at)
{
	mkdir(at, 0755);
	if (mount(type, at, type, 0, NULL))
		fprintf(stderr, "init: cannot mount %s\n", at);
}

/* Swap that is memory: a device of RAM, with a header that says so. */
static void swap_on(const char *device)
{
	static char header[4096];
	const unsigned int version = 1, last = 1023;
	int file = open(device, O_RDWR);

	memcpy(header + 1024, &version, sizeof(version));
	memcpy(header + 1028, &last, sizeof(last));
	memcpy(header + sizeof(header) - 10, "SWAPSPACE2", 10);
	if (file < 0 || pwrite(file, header, sizeof(header), 0) != sizeof(header) || close(file) || swapon(device, 0))
		fprintf(stderr, "init: no swap on %s\n", device);
}

/* The port that the emulator connects to its own standard input and output. */
static int open_port(void)
{
	for (int tries = 0; tries < 100; tries++) {
		int port = open("/dev/vport0p1", O_RDWR);

		if (port >= 0)
			return port;
		usleep(100000);
	}
	return -1;
}

int main(int argc, char **argv)
{
	pid_t pid;
	int status = 0;

	mounted("proc", "/proc");
	mounted("sysfs", "/sys");
	mounted("devtmpfs", "/dev");
	mounted("tmpfs", "/tmp");
	swap_on("/dev/ram0");
	if (argc < 2) {
		fprintf(stderr, "init: the command line names no program after --\n");
	} else {
		pid = fork();
		if (pid == 0) {
			char path[64];
			int port = open_port();

			if (port < 0) {
				fprintf(stderr, "init: there is no /dev/vport0p1\n");
				_exit(2);
			}
			dup2(port, 0);
			dup2(port, 1);
			snprintf(path, sizeof(path), "/%s", argv[1]);
			execv(path, argv + 1);
			_exit(2);
		}
		while (waitpid(-1, &status, 0) != pid)
			;
		fprintf(stderr, "init: %s has ended (%d)\n", argv[1], WEXITSTATUS(status));
	}
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
