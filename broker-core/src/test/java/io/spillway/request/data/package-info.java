/** Tests of the data handlers over fake storage. */
@NullMarked
package io.spillway.request.data;

import org.jspecify.annotations.NullMarked;
