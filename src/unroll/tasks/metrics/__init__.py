"""What the tasks' numbers are made of: scores of predictions that are already there.

In: NumPy arrays or lists of strings whose first axis is the examples of one split, in data-set order.
Out: per-example scores as arrays of the same first axis, or one number for a set (BLEU, Fréchet distance), or
bytes.
Networks and baselines go through the same functions.

| module | scores |
| --- | --- |
| classification | accuracy, macro-F1, negative log-likelihood, expected calibration error |
| text | sacreBLEU, chrF, detokenising |
| coding | quantised codes into real bytes and back; the step for a rate; rate-distortion curves; PNG sizes |
| images | MSE, PSNR, SSIM per image |
| frechet | the committed MNIST classifier, Fréchet distance, precision and recall of samples |
"""
