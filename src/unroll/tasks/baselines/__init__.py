"""Honest opponents for the networks: no training steps, fitted on exactly the data that the networks see.

In: views of the prepared splits (`views`), plain NumPy and lists.
Out: the same per-example outputs that the task's networks give, so one metric function serves both.

| module | baselines | outputs |
| --- | --- | --- |
| text | majority, tfidf_lr | `probabilities` [N, K] |
| translation | copy, dictionary | `hypotheses`, N sentences |
| forecasting | last_value, seasonal | `forecast` [N, H, C], standardised |
| images | mean_image, pca, png | `reconstruction` [N, 784], `bytes` |
| images | pixels_lr | `probabilities` [N, K] |
| sequences | mean | `prediction` [N] |
| sequences | memoryless | `probabilities` [N, R, K] |
| tokens | majority_tag, commonest_tag | `probabilities`, [T, tags] of each sentence |
| tokens | commonest_word, neighbours | `predicted`, `nats`, [masked words] of each sentence |
| tokens | unigram, kneser_ney | `nll` [N], `tokens` [N] |
| generation | independent_pixels, gmm, real_images | `samples` [n, 784] |

A new one is a class with `fit` and `predict` (`views.Baseline`) and a YAML in conf/baseline; its options are
the constructor's arguments. In the YAML, `tasks` says where it runs, `seeded` whether every seed is a run.
"""
