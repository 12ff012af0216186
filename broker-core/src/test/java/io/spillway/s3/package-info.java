/** The broker on an S3 store. */
package io.spillway.s3;
