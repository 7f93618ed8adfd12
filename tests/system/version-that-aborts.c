/* A new version of otad that ends as soon as it starts. */

#include <stdlib.h>

int main(void)
{
	abort();
}
