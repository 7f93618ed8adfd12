#include "otactl.h"

int main(int argc, char **argv)
{
	return otactl_main(argc, argv);
}
