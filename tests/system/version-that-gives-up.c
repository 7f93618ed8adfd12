/* A new version of otad that ends as one with a bad configuration would. */

#include <sysexits.h>

int main(void)
{
	return EX_CONFIG;
}
